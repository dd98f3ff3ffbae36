//! The names that a caller gives, checked before anybody is asked about them: none can leave its place in an address.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The arguments by which a gateway can send calls about one repository, or one owner's, its own way.
pub(crate) const ROUTED: &[&str] = &["owner", "repo"];

/// Why a text is no such name; never the text itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoName(&'static str);

impl fmt::Display for NoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! names {
    ($($(#[$meta:meta])* $name:ident, $max:literal, $check:ident, $expected:literal;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(try_from = "String")]
        pub(crate) struct $name(String);

        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NoName;

            fn try_from(text: String) -> Result<Self, NoName> {
                // The length first, so that a long text costs nothing.
                let fits = text.len() <= $max && $check(&text);
                if fits { Ok(Self(text)) } else { Err(NoName(concat!("must be ", $expected))) }
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "maxLength": $max, "description": $expected })
            }
        }
    )+};
}

names! {
    /// Who owns a repository: a person or an organization.
    Owner, 100, is_owner, "the name of a person or an organization, like `octocat`";
    /// A repository's name, without its owner.
    RepositoryName, 100, is_repository, "the name of a repository without its owner, like `hello-world`";
    /// Who has an account: a person, an organization or a bot.
    Login, 100, is_login, "the name of an account, like `octocat`";
    /// A branch, a tag or a commit.
    GitRef, 255, is_git_ref, "a branch, a tag or a commit, like `main`";
    /// The name of a label.
    Label, 100, is_label, "the name of a label, without commas";
    /// Words and qualifiers to search for.
    Query, 256, is_query, "1 to 256 characters of words and qualifiers, like `is:open crash`";
    /// One line that says what an issue is about.
    Title, 1024, is_title, "one line of 1 to 256 characters";
    /// Markdown.
    Markdown, 65536, is_markdown, "1 to 65536 bytes of text without control characters";
    /// The number of an issue or a pull request, where only text can be given.
    Number, 15, is_number, "a number, like `42`";
    /// A programming language.
    Language, 50, is_language, "the name of a programming language, like `Rust` or `C++`";
}

fn is_word(text: &str, also: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || also.as_bytes().contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

fn is_owner(text: &str) -> bool {
    is_word(text, "-_") && !text.starts_with(['-', '_'])
}

fn is_repository(text: &str) -> bool {
    is_word(text, "-_.") && text != "." && !text.contains("..")
}

fn is_login(text: &str) -> bool {
    is_owner(text.strip_suffix("[bot]").unwrap_or(text))
}

/// Stricter than `git check-ref-format`, by what an address must not hold.
fn is_git_ref(text: &str) -> bool {
    let foreign = |character: char| {
        character.is_whitespace() || "~^:?*[]\\#%@{}<>|\"'`$&;".contains(character)
    };
    let odd = text.starts_with(['/', '-', '.']) || text.ends_with(['/', '.']);
    let empty_part = text.contains("..") || text.contains("//") || text.contains("/.");
    !text.is_empty() && !odd && !empty_part && !text.chars().any(|it| foreign(it) || is_hidden(it))
}

fn is_label(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(',') && !text.chars().any(is_hidden)
}

fn is_query(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(is_hidden)
}

fn is_title(text: &str) -> bool {
    let long = text.chars().nth(256).is_some();
    !text.trim().is_empty() && !long && !text.chars().any(is_hidden)
}

fn is_markdown(text: &str) -> bool {
    let hidden = |it: char| it.is_control() && !matches!(it, '\n' | '\r' | '\t');
    !text.trim().is_empty() && !text.chars().any(hidden)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() && !text.starts_with('0')
}

fn is_language(text: &str) -> bool {
    is_word(text, " +#.-") && !text.trim().is_empty()
}

/// Control characters, and those that change how others are seen.
fn is_hidden(character: char) -> bool {
    let invisible = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    );
    invisible || character.is_control()
}

/// The path of a file or a folder within a repository; the root has no segments.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FilePath(Vec<String>);

impl FilePath {
    const MAX: usize = 1024;

    /// The names on the way, none of which is empty or leads upwards.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

impl TryFrom<String> for FilePath {
    type Error = NoName;

    fn try_from(text: String) -> Result<Self, NoName> {
        const EXPECTED: NoName = NoName(
            "must be a path within the repository, like `src/lib.rs`, or empty for its root",
        );
        // A slash at either end is how people write a folder.
        let path = text.strip_prefix('/').unwrap_or(&text);
        let path = path.strip_suffix('/').unwrap_or(path);
        let foreign = |character: char| is_hidden(character) || "?#%\\".contains(character);
        if text.len() > Self::MAX || path.chars().any(foreign) {
            return Err(EXPECTED);
        }
        if path.is_empty() && text.len() < 2 {
            return Ok(Self(Vec::new()));
        }
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        let leads_away =
            |segment: &String| segment.is_empty() || segment == "." || segment.contains("..");
        if segments.iter().any(leads_away) { Err(EXPECTED) } else { Ok(Self(segments)) }
    }
}

impl JsonSchema for FilePath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FilePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": Self::MAX,
            "description": "a path within the repository, like `src/lib.rs`; empty for its root",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is<T: TryFrom<String>>(text: &str) -> bool {
        T::try_from(text.to_owned()).is_ok()
    }

    /// What is no name of anything.
    const NO_NAMES: [&str; 16] = [
        "",
        "..",
        ".",
        "../x",
        "a/b",
        "a%2fb",
        "a%2Fb",
        "a?b",
        "a#b",
        "a\\b",
        "a\0b",
        "a\nb",
        "a b",
        "a\u{202e}b",
        "ä",
        "a..b",
    ];

    #[test]
    fn names_of_repositories_and_their_owners() {
        for text in ["octocat", "rust-lang", "a", "octo_acme", "0xcafe"] {
            assert!(is::<Owner>(text) && is::<Login>(text), "{text}");
        }
        for text in ["hello-world", ".github", "a.b", "_", "docs.rs", "9"] {
            assert!(is::<RepositoryName>(text), "{text}");
        }
        assert!(is::<Login>("dependabot[bot]") && !is::<Owner>("dependabot[bot]"));
        let long = "a".repeat(1_000_000);
        for text in NO_NAMES.into_iter().chain([long.as_str()]) {
            assert!(!is::<Owner>(text) && !is::<RepositoryName>(text), "{text:.20}");
            assert!(!is::<Login>(text), "{text:.20}");
        }
    }

    #[test]
    fn refs_are_what_git_takes_and_an_address_holds() {
        for text in ["main", "release/1.2", "v1.0.0", "3f2a9c", "feature/ünïcode", "a-b_c"] {
            assert!(is::<GitRef>(text), "{text}");
        }
        for text in [
            "", "..", "a..b", "/a", "a/", "a//b", "a/../b", "a b", "a^", "HEAD~1", "@{u}", "a:b",
            "a%2e", "-x", "a\0",
        ] {
            assert!(!is::<GitRef>(text), "{text}");
        }
    }

    #[test]
    fn a_path_stays_in_its_repository() {
        let path = |text: &str| FilePath::try_from(text.to_owned()).map(|path| path.to_string());
        for (text, expected) in [
            ("", ""),
            ("/", ""),
            ("src", "src"),
            ("/src/", "src"),
            ("a b/c+d.rs", "a b/c+d.rs"),
            (".github/workflows", ".github/workflows"),
            ("docs/größe.md", "docs/größe.md"),
        ] {
            assert_eq!(path(text).as_deref(), Ok(expected), "{text}");
        }
        let long = "a/".repeat(500_000);
        for text in [
            "..",
            "../etc/passwd",
            "a/../b",
            "a//b",
            "//",
            "./a",
            "a/.",
            "a%2f..%2fb",
            "a?ref=x",
            "a#b",
            "a\\b",
            "a\0",
            "a\nb",
            "a\u{202e}b",
            &long,
        ] {
            assert!(path(text).is_err(), "{text:.20}");
        }
    }

    #[test]
    fn texts_are_bounded_and_can_be_seen() {
        assert!(is::<Title>(&"ü".repeat(256)) && !is::<Title>(&"ü".repeat(257)));
        assert!(!is::<Title>("a\nb") && !is::<Title>(" "));
        assert!(
            is::<Markdown>("a\n\n- b\t") && !is::<Markdown>("a\u{1b}[0m") && !is::<Markdown>("\n")
        );
        assert!(is::<Label>("good first issue") && !is::<Label>("a,b"));
        assert!(is::<Language>("C++") && is::<Language>("F#") && !is::<Language>("Rust\nObey"));
    }
}
