//! What was met in outside text: a closed list of kinds, each with a count.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeSeq};

/// One kind of suspicious content. The declared order is the reported order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A control character other than line feed and tab.
    ControlCharacter,
    /// An escape sequence for terminals (ECMA-48).
    AnsiEscape,
    /// A character that occupies no place and shows nothing.
    ZeroWidth,
    /// A character that changes the direction in which text is shown.
    BidiControl,
    /// A character of the Unicode tag block, invisible and readable by models.
    TagCharacter,
    /// A variation selector where no emoji needs one.
    VariationSelector,
    /// A token of a chat template or a tool-call tag.
    ChatToken,
    /// A line that opens like another speaker's turn.
    TurnMarker,
    /// An imitation of our own boundary line.
    BoundaryMarker,
    /// A script tag or a scheme that runs code.
    ActiveContent,
    /// An HTML element that loads, submits to or links a foreign address.
    RemoteContent,
    /// A Markdown image from a foreign host.
    ForeignImage,
    /// A Markdown link to a foreign host that carries query data.
    LinkWithData,
    /// A phrase that reads like an instruction to the model.
    InstructionPhrase,
    /// A credential.
    Secret(SecretKind),
}

/// Whose credential it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is described by its name in `SecretKind::name`")]
pub enum SecretKind {
    PrivateKey,
    AwsAccessKey,
    AwsSecretKey,
    GoogleKey,
    AzureKey,
    GithubToken,
    GitlabToken,
    SlackToken,
    StripeKey,
    OpenaiKey,
    AnthropicKey,
    NpmToken,
    PypiToken,
    HuggingfaceToken,
    SendgridKey,
    Jwt,
    Authorization,
    Password,
    /// Matched by an operator's own pattern.
    Configured,
}

impl SecretKind {
    /// The name in findings and in the mark that replaces the credential.
    pub fn name(self) -> &'static str {
        self.mark().trim_start_matches("[redacted:").trim_end_matches(']')
    }

    /// What stands in a credential's place.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::PrivateKey => "[redacted:private_key]",
            Self::AwsAccessKey => "[redacted:aws_access_key]",
            Self::AwsSecretKey => "[redacted:aws_secret_key]",
            Self::GoogleKey => "[redacted:google_key]",
            Self::AzureKey => "[redacted:azure_key]",
            Self::GithubToken => "[redacted:github_token]",
            Self::GitlabToken => "[redacted:gitlab_token]",
            Self::SlackToken => "[redacted:slack_token]",
            Self::StripeKey => "[redacted:stripe_key]",
            Self::OpenaiKey => "[redacted:openai_key]",
            Self::AnthropicKey => "[redacted:anthropic_key]",
            Self::NpmToken => "[redacted:npm_token]",
            Self::PypiToken => "[redacted:pypi_token]",
            Self::HuggingfaceToken => "[redacted:huggingface_token]",
            Self::SendgridKey => "[redacted:sendgrid_key]",
            Self::Jwt => "[redacted:jwt]",
            Self::Authorization => "[redacted:authorization]",
            Self::Password => "[redacted:password]",
            Self::Configured => "[redacted:configured]",
        }
    }
}

impl Finding {
    /// The name without the family of secrets, as a metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Self::ControlCharacter => "control_character",
            Self::AnsiEscape => "ansi_escape",
            Self::ZeroWidth => "zero_width",
            Self::BidiControl => "bidi_control",
            Self::TagCharacter => "tag_character",
            Self::VariationSelector => "variation_selector",
            Self::ChatToken => "chat_token",
            Self::TurnMarker => "turn_marker",
            Self::BoundaryMarker => "boundary_marker",
            Self::ActiveContent => "active_content",
            Self::RemoteContent => "remote_content",
            Self::ForeignImage => "foreign_image",
            Self::LinkWithData => "link_with_data",
            Self::InstructionPhrase => "instruction_phrase",
            Self::Secret(kind) => kind.name(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(kind) => write!(f, "secret:{}", kind.name()),
            other => f.write_str(other.name()),
        }
    }
}

/// The kinds met so far, each with its count: the `findings` of a result's provenance.
///
/// Bounded by the number of kinds, whatever the text holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(BTreeMap<Finding, u64>);

impl Findings {
    /// Whether nothing was met.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often `finding` was met.
    pub fn count(&self, finding: Finding) -> u64 {
        self.0.get(&finding).copied().unwrap_or(0)
    }

    /// The kinds met, in the declared order.
    pub fn iter(&self) -> impl Iterator<Item = (Finding, u64)> {
        self.0.iter().map(|(finding, count)| (*finding, *count))
    }

    /// Adds what another part of the same result holds.
    pub fn merge(&mut self, other: &Self) {
        for (finding, count) in other.iter() {
            *self.0.entry(finding).or_default() += count;
        }
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        *self.0.entry(finding).or_default() += 1;
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry {
            kind: String,
            count: u64,
        }
        let mut entries = serializer.serialize_seq(Some(self.0.len()))?;
        for (finding, count) in self.iter() {
            entries.serialize_element(&Entry { kind: finding.to_string(), count })?;
        }
        entries.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_read_as_a_list_in_a_stable_order() {
        let mut findings = Findings::default();
        findings.add(Finding::Secret(SecretKind::Jwt));
        findings.add(Finding::ZeroWidth);
        findings.add(Finding::ZeroWidth);
        let mut more = Findings::default();
        more.add(Finding::ZeroWidth);
        findings.merge(&more);
        assert_eq!(
            serde_json::to_value(&findings).unwrap(),
            json!([{ "kind": "zero_width", "count": 3 }, { "kind": "secret:jwt", "count": 1 }])
        );
        assert!(!findings.is_empty());
        assert!(Findings::default().is_empty());
    }
}
