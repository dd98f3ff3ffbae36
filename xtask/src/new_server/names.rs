//! The forms in which a server's name stands in its files.

use anyhow::{Result, ensure};

/// `mcp__mcp-NAME__create_item` still fits into what clients take, with room for longer tools.
const MAX_NAME: usize = 24;

/// One name in every form.
#[derive(Debug)]
pub(super) struct Names {
    kebab: String,
    team: String,
}

impl Names {
    pub(super) fn new(name: &str, team: Option<&str>) -> Result<Self> {
        let is_word = |word: &str| {
            let mut bytes = word.bytes();
            bytes.next().is_some_and(|it| it.is_ascii_lowercase())
                && bytes.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
        };
        let fits = name.len() <= MAX_NAME && name.split('-').all(is_word);
        ensure!(fits, "`{name}`: expected lower-case words like `notes` or `change-requests`");
        let team = team.unwrap_or(name);
        let is_team = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
        ensure!(!team.is_empty() && team.bytes().all(is_team), "`{team}`: expected a team's name");
        Ok(Self { kebab: name.to_owned(), team: team.to_owned() })
    }

    pub(super) fn kebab(&self) -> &str {
        &self.kebab
    }

    pub(super) fn package(&self) -> String {
        format!("mcp-{}", self.kebab)
    }

    /// `ChangeRequests`.
    pub(super) fn type_name(&self) -> String {
        self.kebab.split('-').map(capitalized).collect()
    }

    /// What stands in the template, and what stands there instead.
    pub(super) fn replacements(&self) -> [(&'static str, String); 7] {
        let (snake, words) = (self.kebab.replace('-', "_"), self.kebab.replace('-', " "));
        [
            ("example-team", self.team.clone()),
            ("example-domain", self.kebab.clone()),
            ("EXAMPLE_DOMAIN", snake.to_uppercase()),
            ("example_domain", snake),
            ("ExampleDomain", self.type_name()),
            ("Example domain", capitalized(&words)),
            ("example domain", words),
        ]
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
