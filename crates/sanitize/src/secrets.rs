//! Credentials that are known by their shape. Every rule starts at a literal and looks a bounded or once-read stretch
//! around it, so that no text takes more than linear time.

use crate::{Finding, SecretKind, edit::Edit, scan::Hit};

/// How a credential is told from other text, starting at its literal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    kind: SecretKind,
    shape: Shape,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// The literal itself begins the credential: at least `min` characters of `alphabet` follow it.
    Prefix { min: usize, alphabet: Alphabet },
    /// The same for literals so short that other words end in them.
    WordPrefix { min: usize, alphabet: Alphabet },
    /// The literal is the name of a field whose value has at least `min` characters.
    Field { min: usize },
    /// Three or more parts between dots (RFC 7519).
    Jwt,
    /// From the first to the last line of a PEM block (RFC 7468).
    Pem,
    /// The value of an `Authorization` field, or what follows `Bearer` (RFC 9110 §11.6.2).
    Header,
    /// The password in `scheme://user:password@host` (RFC 3986 §3.2.1).
    Authority,
    /// The password in `key=value;key=value` or `key=value key=value`.
    KeyValue,
}

#[derive(Clone, Copy, Debug)]
enum Alphabet {
    /// `A-Z 0-9`
    Upper,
    /// `A-Z a-z 0-9`
    Alphanumeric,
    /// `A-Z a-z 0-9 _ -`
    Url,
    /// `A-Z a-z 0-9 _ - .`
    UrlDots,
    /// `A-Z a-z 0-9 + / =` and the signs that the URL forms use, percent-encoding included
    Base64,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
            Self::UrlDots => byte.is_ascii_alphanumeric() || b"_-.".contains(&byte),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"+/=._~%-".contains(&byte),
        }
    }

    /// How many bytes of this alphabet `text` begins with; a word that goes on beyond it is none of it.
    fn run(self, text: &str) -> usize {
        let in_word = |byte: &u8| self.has(*byte) || byte.is_ascii_alphanumeric();
        let length = text.bytes().take_while(in_word).count();
        let is_pure = text.bytes().take(length).all(|byte| self.has(byte));
        if is_pure { length } else { 0 }
    }
}

const fn prefix(min: usize, alphabet: Alphabet) -> Shape {
    Shape::Prefix { min, alphabet }
}

const fn word(min: usize, alphabet: Alphabet) -> Shape {
    Shape::WordPrefix { min, alphabet }
}

/// Literals and what they begin. Prefixes are compared as written here, names of fields in any case.
const RULES: &[(&str, SecretKind, Shape)] = &[
    ("-----BEGIN ", SecretKind::PrivateKey, Shape::Pem),
    ("AKIA", SecretKind::AwsAccessKey, word(16, Alphabet::Upper)),
    ("ASIA", SecretKind::AwsAccessKey, word(16, Alphabet::Upper)),
    ("secret_access_key", SecretKind::AwsSecretKey, Shape::Field { min: 40 }),
    ("secretaccesskey", SecretKind::AwsSecretKey, Shape::Field { min: 40 }),
    ("AIza", SecretKind::GoogleKey, word(35, Alphabet::Url)),
    ("ya29.", SecretKind::GoogleKey, word(20, Alphabet::UrlDots)),
    ("GOCSPX-", SecretKind::GoogleKey, prefix(20, Alphabet::Url)),
    ("accountkey", SecretKind::AzureKey, Shape::Field { min: 40 }),
    ("sharedaccesskey", SecretKind::AzureKey, Shape::Field { min: 40 }),
    ("&sig", SecretKind::AzureKey, Shape::Field { min: 40 }),
    ("client_secret", SecretKind::AzureKey, Shape::Field { min: 32 }),
    ("ghp_", SecretKind::GithubToken, prefix(20, Alphabet::Alphanumeric)),
    ("gho_", SecretKind::GithubToken, prefix(20, Alphabet::Alphanumeric)),
    ("ghu_", SecretKind::GithubToken, prefix(20, Alphabet::Alphanumeric)),
    ("ghs_", SecretKind::GithubToken, prefix(20, Alphabet::UrlDots)),
    ("ghr_", SecretKind::GithubToken, prefix(20, Alphabet::Alphanumeric)),
    ("github_pat_", SecretKind::GithubToken, prefix(20, Alphabet::Url)),
    ("glpat-", SecretKind::GitlabToken, prefix(20, Alphabet::UrlDots)),
    ("gldt-", SecretKind::GitlabToken, prefix(20, Alphabet::UrlDots)),
    ("glrt-", SecretKind::GitlabToken, prefix(20, Alphabet::UrlDots)),
    ("glptt-", SecretKind::GitlabToken, prefix(20, Alphabet::UrlDots)),
    ("xoxb-", SecretKind::SlackToken, prefix(10, Alphabet::Url)),
    ("xoxp-", SecretKind::SlackToken, prefix(10, Alphabet::Url)),
    ("xoxa-", SecretKind::SlackToken, prefix(10, Alphabet::Url)),
    ("xoxr-", SecretKind::SlackToken, prefix(10, Alphabet::Url)),
    ("xoxs-", SecretKind::SlackToken, prefix(10, Alphabet::Url)),
    ("xapp-", SecretKind::SlackToken, prefix(10, Alphabet::Url)),
    ("hooks.slack.com/services/", SecretKind::SlackToken, prefix(20, Alphabet::Base64)),
    ("sk_live_", SecretKind::StripeKey, prefix(16, Alphabet::Alphanumeric)),
    ("sk_test_", SecretKind::StripeKey, prefix(16, Alphabet::Alphanumeric)),
    ("rk_live_", SecretKind::StripeKey, prefix(16, Alphabet::Alphanumeric)),
    ("rk_test_", SecretKind::StripeKey, prefix(16, Alphabet::Alphanumeric)),
    ("whsec_", SecretKind::StripeKey, prefix(16, Alphabet::Base64)),
    ("sk-ant-", SecretKind::AnthropicKey, word(16, Alphabet::Url)),
    ("sk-proj-", SecretKind::OpenaiKey, word(16, Alphabet::Url)),
    ("sk-svcacct-", SecretKind::OpenaiKey, word(16, Alphabet::Url)),
    ("sk-admin-", SecretKind::OpenaiKey, word(16, Alphabet::Url)),
    ("sk-", SecretKind::OpenaiKey, word(20, Alphabet::Alphanumeric)),
    ("npm_", SecretKind::NpmToken, prefix(30, Alphabet::Alphanumeric)),
    ("pypi-", SecretKind::PypiToken, prefix(50, Alphabet::Url)),
    ("hf_", SecretKind::HuggingfaceToken, word(30, Alphabet::Alphanumeric)),
    ("SG.", SecretKind::SendgridKey, word(40, Alphabet::UrlDots)),
    ("eyJ", SecretKind::Jwt, Shape::Jwt),
    ("authorization", SecretKind::Authorization, Shape::Header),
    ("bearer", SecretKind::Authorization, Shape::Header),
    ("x-api-key", SecretKind::Authorization, Shape::Field { min: 16 }),
    ("private-token", SecretKind::Authorization, Shape::Field { min: 16 }),
    ("://", SecretKind::Password, Shape::Authority),
    ("password", SecretKind::Password, Shape::KeyValue),
    ("pwd", SecretKind::Password, Shape::KeyValue),
];

/// Every literal to look for.
pub(crate) fn patterns() -> impl Iterator<Item = (&'static str, Rule)> {
    RULES.iter().map(|(literal, kind, shape)| (*literal, Rule { kind: *kind, shape: *shape }))
}

impl Rule {
    /// Whether a quotation mark ends what it looks at, and nothing before the match counts.
    pub(crate) fn ends_with_its_string(self) -> bool {
        matches!(self.shape, Shape::Authority)
    }

    /// The redaction of the credential that begins at the match, if there is one.
    pub(crate) fn edit(self, hit: &Hit<'_>) -> Option<Edit> {
        let (start, end) = match self.shape {
            Shape::Prefix { min, alphabet } => prefixed(hit, min, alphabet)?,
            Shape::WordPrefix { min, alphabet } if begins_word(hit) => {
                prefixed(hit, min, alphabet)?
            }
            Shape::WordPrefix { .. } => return None,
            Shape::Field { min } => field(hit, min)?,
            Shape::Jwt => jwt(hit)?,
            Shape::Pem => pem(hit)?,
            Shape::Header => header(hit)?,
            Shape::Authority => authority(hit)?,
            Shape::KeyValue => key_value(hit)?,
        };
        let spans_paragraphs = hit.text.get(start..end).is_some_and(|it| it.contains("\n\n"));
        // One mark in each paragraph: which link belongs to an image depends on where paragraphs end.
        let with = if spans_paragraphs {
            "[redacted:private_key]\n\n[redacted:private_key]"
        } else {
            self.kind.mark()
        };
        Some(Edit { range: start..end, with, finding: Finding::Secret(self.kind) })
    }
}

fn begins_word(hit: &Hit<'_>) -> bool {
    !hit.before().ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_known_prefix(hit: &Hit<'_>) -> bool {
    RULES.iter().any(|(literal, ..)| *literal == hit.matched())
}

fn prefixed(hit: &Hit<'_>, min: usize, alphabet: Alphabet) -> Option<(usize, usize)> {
    let length = alphabet.run(hit.after());
    (length >= min && is_known_prefix(hit)).then_some((hit.start, hit.end + length))
}

/// What separates a field's name from its value in headers, JSON, TOML, YAML and shells.
const SEPARATORS: [char; 6] = ['"', '\'', ' ', ':', '=', '\\'];
const MAX_SEPARATORS: usize = 8;

/// Where the value begins, if there are separators and `:` or `=` is among them.
fn value_start(after: &str) -> Option<usize> {
    let length = after.chars().take(MAX_SEPARATORS).take_while(|c| SEPARATORS.contains(c)).count();
    after.get(..length).filter(|separators| separators.contains([':', '='])).map(str::len)
}

fn field(hit: &Hit<'_>, min: usize) -> Option<(usize, usize)> {
    let start = hit.end + value_start(hit.after())?;
    let length = Alphabet::Base64.run(hit.text.get(start..)?);
    (length >= min).then_some((start, start + length))
}

fn jwt(hit: &Hit<'_>) -> Option<(usize, usize)> {
    if !is_known_prefix(hit)
        || hit.before().ends_with(|c: char| c.is_ascii_alphanumeric() || "_-".contains(c))
    {
        return None;
    }
    let token = hit.text.get(hit.start..)?;
    let token = token.get(..Alphabet::UrlDots.run(token))?;
    let mut parts = token.split('.');
    let is_part = |part: Option<&str>| part.is_some_and(|part| part.len() >= 8);
    (is_part(parts.next()) && is_part(parts.next()) && parts.next().is_some())
        .then_some((hit.start, hit.start + token.len()))
}

fn pem(hit: &Hit<'_>) -> Option<(usize, usize)> {
    const MAX_LABEL: usize = 48;
    const DASHES: &str = "-----";
    let label_end = hit.after().bytes().take(MAX_LABEL).position(|byte| byte == b'-')?;
    let (label, body) = hit.after().split_at_checked(label_end)?;
    if !label.trim_end().ends_with("PRIVATE KEY") && !label.contains("PRIVATE KEY BLOCK") {
        return None;
    }
    let body = body.strip_prefix(DASHES)?;
    let in_body = |byte: &u8| byte.is_ascii_alphanumeric() || b" \t\n+/=:,.\\-".contains(byte);
    let block = body.get(..body.bytes().take_while(in_body).count())?;
    // Without its last line the block goes as far as it can.
    let end = block.find("-----END").map_or(block.len(), |last| {
        let closing = block.get(last + DASHES.len()..).and_then(|line| line.find(DASHES));
        closing.map_or(block.len(), |closing| last + 2 * DASHES.len() + closing)
    });
    let body_start = hit.text.len() - body.len();
    Some((hit.start, body_start + end))
}

/// The schemes after which anything of some length is a credential.
const SCHEMES: [&str; 5] = ["bearer", "basic", "token", "bot", "apikey"];

fn header(hit: &Hit<'_>) -> Option<(usize, usize)> {
    let is_scheme = hit.matched().eq_ignore_ascii_case("bearer");
    let mut start = hit.end;
    if !is_scheme {
        start += value_start(hit.after())?;
        let value = hit.text.get(start..)?;
        let scheme = SCHEMES.iter().find(|scheme| {
            value.get(..scheme.len()).is_some_and(|word| word.eq_ignore_ascii_case(scheme))
        })?;
        start += scheme.len();
    }
    let value = hit.text.get(start..)?;
    let gap = value.bytes().take(MAX_SEPARATORS).take_while(|byte| *byte == b' ').count();
    let value = value.get(gap..).filter(|_| gap > 0)?;
    let length = Alphabet::Base64.run(value);
    let token = value.get(..length).filter(|token| length >= 8 && looks_random(token))?;
    Some((start + gap, start + gap + token.len()))
}

/// Tells `dXNlcjpwYXNz` from the word after `bearer` in a sentence.
fn looks_random(token: &str) -> bool {
    let inner_upper = token.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    token.bytes().any(|byte| byte.is_ascii_digit() || byte == b'=')
        || (inner_upper && token.bytes().any(|byte| byte.is_ascii_lowercase()))
}

fn authority(hit: &Hit<'_>) -> Option<(usize, usize)> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`');
    let authority = hit.after().split(ends).next()?;
    let user_info = authority.get(..authority.rfind('@')?)?;
    let password = user_info.find(':')? + 1;
    let is_redacted = user_info.contains("[redacted:");
    (password < user_info.len() && !is_redacted)
        .then_some((hit.end + password, hit.end + user_info.len()))
}

fn key_value(hit: &Hit<'_>) -> Option<(usize, usize)> {
    let value = hit.after().strip_prefix('=')?;
    if !begins_pair(hit.before()) || value.starts_with("[redacted:") {
        return None;
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '"' | '\'' | '`');
    let length = value.find(ends).unwrap_or(value.len());
    (length > 0).then_some((hit.end + 1, hit.end + 1 + length))
}

/// Whether the name stands where a pair begins: at the start of a line, behind `;`, or behind a word and a space.
/// An argument list has commas and indentation instead. One character decides, which no redaction changes.
fn begins_pair(before: &str) -> bool {
    let lead = before.trim_end_matches(' ');
    let is_apart = lead.len() < before.len();
    match lead.chars().next_back() {
        None | Some('\n') => !is_apart,
        Some(last) => last == ';' || (is_apart && last.is_ascii_alphanumeric()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, Sanitizer};

    fn redacted(text: &str) -> String {
        Sanitizer::new(&Options::default()).unwrap().redact(text).into_owned()
    }

    /// Written so that no scanner takes this file for a leak.
    fn fake(prefix: &str, length: usize) -> String {
        format!("{prefix}{}", "FaKe0CaNaRy".chars().cycle().take(length).collect::<String>())
    }

    #[test]
    fn tokens_with_a_known_prefix_are_redacted_by_name() {
        let cases = [
            ("ghp_", 36, "github_token"),
            ("github_pat_", 60, "github_token"),
            ("glpat-", 20, "gitlab_token"),
            ("xoxb-", 24, "slack_token"),
            ("hooks.slack.com/services/", 40, "slack_token"),
            ("sk_live_", 24, "stripe_key"),
            ("sk-ant-api03-", 80, "anthropic_key"),
            ("sk-proj-", 48, "openai_key"),
            ("sk-", 48, "openai_key"),
            ("npm_", 36, "npm_token"),
            ("pypi-AgE", 80, "pypi_token"),
            ("AIza", 35, "google_key"),
            ("hf_", 34, "huggingface_token"),
            ("SG.", 60, "sendgrid_key"),
        ];
        for (prefix, length, name) in cases {
            let text = format!("key = \"{}\", rest", fake(prefix, length));
            assert_eq!(redacted(&text), format!("key = \"[redacted:{name}]\", rest"));
        }
        assert_eq!(
            redacted(&format!("id {}{}.", "AKIA", "FAKECANARY000000")),
            "id [redacted:aws_access_key]."
        );
    }

    #[test]
    fn a_private_key_goes_as_a_whole_even_without_its_last_line() {
        let head = ["-----BEGIN RSA PRIVATE", " KEY-----"].concat();
        let tail = ["-----END RSA PRIVATE", " KEY-----"].concat();
        let headers = "\nProc-Type: 4,ENCRYPTED\n\n";
        assert_eq!(
            redacted(&format!("a\n{head}\nRkFLRQ==\nRkFLRQ==\n{tail}\nb")),
            "a\n[redacted:private_key]\nb"
        );
        assert_eq!(
            redacted(&format!("{head}{headers}RkFLRQ==\n{tail};")),
            "[redacted:private_key]\n\n[redacted:private_key];"
        );
        assert_eq!(redacted(&format!("{head}\nRkFLRQ==\nRkFL")), "[redacted:private_key]");
        assert_eq!(
            redacted(&format!("\"{head}\\nRkFLRQ==\\n{tail}\\n\"")),
            "\"[redacted:private_key]\\n\""
        );
        let public = "-----BEGIN PUBLIC KEY-----\nRkFLRQ==\n-----END PUBLIC KEY-----";
        assert_eq!(redacted(public), public);
    }

    #[test]
    fn named_fields_lose_their_values() {
        let forty = fake("", 40);
        assert_eq!(
            redacted(&format!("aws_secret_access_key = {forty}\nAccountKey={forty}==;x")),
            "aws_secret_access_key = [redacted:aws_secret_key]\nAccountKey=[redacted:azure_key];x"
        );
        assert_eq!(
            redacted(&format!(r#"{{"X-API-Key": "{forty}"}}"#)),
            r#"{"X-API-Key": "[redacted:authorization]"}"#
        );
    }

    #[test]
    fn authorization_loses_its_credential_and_keeps_its_scheme() {
        let jwt = format!("{}.{}.{}", fake("eyJ", 20), fake("eyJ", 30), fake("", 40));
        assert_eq!(redacted(&format!("see {jwt}, ok")), "see [redacted:jwt], ok");
        assert_eq!(
            redacted(&format!("Authorization: Bearer {jwt}")),
            "Authorization: Bearer [redacted:authorization]"
        );
        assert_eq!(
            redacted("authorization: basic dXNlcjpwYXNz"),
            "authorization: basic [redacted:authorization]"
        );
        assert_eq!(
            redacted("-H 'Bearer abcdef0123456789'"),
            "-H 'Bearer [redacted:authorization]'"
        );
    }

    #[test]
    fn connection_strings_lose_their_password_only() {
        assert_eq!(
            redacted("postgres://app:s3cr@t!@db:5432/x redis://:pw@h/0"),
            "postgres://app:[redacted:password]@db:5432/x redis://:[redacted:password]@h/0"
        );
        assert_eq!(
            redacted("Server=db;User Id=sa;Password=hunter2;Encrypt=yes"),
            "Server=db;User Id=sa;Password=[redacted:password];Encrypt=yes"
        );
        assert_eq!(
            redacted("host=db user=app password=hunter2 x=1"),
            "host=db user=app password=[redacted:password] x=1"
        );
    }

    #[test]
    fn prose_and_source_code_are_not_taken_for_credentials() {
        for text in [
            "the bearer token authentication scheme, authorization: required",
            "let password = read(); login(user=user, password=password)",
            "https://example.com/a:b@c and mailto:x@y.z, 12:30@noon",
            "task-force-one-two-three-four-five, sk-learn-something-very-long",
            "AKIAlowercase and npm_config_registry and ghp_short",
            "std::collections::HashMap<String, Vec<u8>>",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
