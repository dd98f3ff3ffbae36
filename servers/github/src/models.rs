//! What a caller sees of GitHub.

use chrono::{DateTime, Utc};
use mcp_chassis::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    client::unmarked,
    wire::{self, login},
};

/// What stands for an author whose account is gone, as on GitHub itself.
const GHOST: &str = "ghost";

/// An issue, without its comments.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Issue {
    /// Its number within the repository
    pub(crate) number: u64,
    /// Absent when its author has no push access and this server shows only what people with push access wrote
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// `open` or `closed`
    pub(crate) state: String,
    /// Why it was closed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state_reason: Option<String>,
    /// Who opened it
    pub(crate) author: String,
    /// The names of its labels
    pub(crate) labels: Vec<String>,
    /// Who works on it
    pub(crate) assignees: Vec<String>,
    /// How many comments there are
    pub(crate) comment_count: u64,
    /// When it was opened
    pub(crate) created_at: DateTime<Utc>,
    /// When anything of it last changed
    pub(crate) updated_at: DateTime<Utc>,
    /// When it was closed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed_at: Option<DateTime<Utc>>,
    /// Where a person reads it
    pub(crate) url: String,
}

impl Issue {
    /// Without what its author wrote.
    pub(crate) fn withhold(&mut self) {
        self.title = None;
        self.labels.clear();
    }
}

impl From<wire::Issue> for Issue {
    fn from(issue: wire::Issue) -> Self {
        Self {
            author: author(issue.user.as_ref()),
            number: issue.number,
            title: Some(issue.title),
            state: issue.state,
            state_reason: issue.state_reason,
            labels: labels(issue.labels),
            assignees: issue.assignees.into_iter().map(|user| user.login).collect(),
            comment_count: issue.comments,
            created_at: issue.created_at,
            updated_at: issue.updated_at,
            closed_at: issue.closed_at,
            url: issue.html_url,
        }
    }
}

/// A comment on an issue or a pull request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Comment {
    /// Grows with time
    pub(crate) id: u64,
    /// Who wrote it
    pub(crate) author: String,
    /// What it says, in Markdown
    pub(crate) body: String,
    /// When it was written
    pub(crate) created_at: DateTime<Utc>,
    /// Where a person reads it
    pub(crate) url: String,
}

impl From<wire::Comment> for Comment {
    fn from(comment: wire::Comment) -> Self {
        Self {
            id: comment.id,
            author: author(comment.user.as_ref()),
            body: unmarked(comment.body.unwrap_or_default()),
            created_at: comment.created_at,
            url: comment.html_url,
        }
    }
}

/// A pull request; what a list does not know is absent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PullRequest {
    /// Its number within the repository
    pub(crate) number: u64,
    /// Absent when its author has no push access and this server shows only what people with push access wrote
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// `open` or `closed`
    pub(crate) state: String,
    /// Whether it is not ready for review
    pub(crate) draft: bool,
    /// Who opened it
    pub(crate) author: String,
    /// The names of its labels
    pub(crate) labels: Vec<String>,
    /// The branch that it would merge; absent like the title
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<String>,
    /// The commit at the end of that branch
    pub(crate) head_sha: String,
    /// The branch that it would change
    pub(crate) base: String,
    /// When it was opened
    pub(crate) created_at: DateTime<Utc>,
    /// When anything of it last changed
    pub(crate) updated_at: DateTime<Utc>,
    /// When it was merged
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) merged_at: Option<DateTime<Utc>>,
    /// Whether it could be merged: `clean`, `dirty`, `blocked`, `behind`, `unstable`, `unknown` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mergeable_state: Option<String>,
    /// Lines added
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) additions: Option<u64>,
    /// Lines taken away
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletions: Option<u64>,
    /// Files changed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changed_files: Option<u64>,
    /// Commits
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commits: Option<u64>,
    /// Where a person reads it
    pub(crate) url: String,
}

impl PullRequest {
    /// Without what its author wrote.
    pub(crate) fn withhold(&mut self) {
        (self.title, self.head) = (None, None);
        self.labels.clear();
    }
}

impl From<wire::PullRequest> for PullRequest {
    fn from(pull: wire::PullRequest) -> Self {
        let wire::Branch { name, repo, .. } = pull.head;
        let head = match repo {
            // A branch of a fork is named with its repository.
            Some(repo) if pull.base.repo.is_none_or(|base| base.full_name != repo.full_name) => {
                format!("{}:{name}", repo.full_name)
            }
            _ => name,
        };
        Self {
            author: author(pull.user.as_ref()),
            number: pull.number,
            title: Some(pull.title),
            state: pull.state,
            draft: pull.draft,
            labels: labels(pull.labels),
            head: Some(head),
            head_sha: pull.head.sha,
            base: pull.base.name,
            created_at: pull.created_at,
            updated_at: pull.updated_at,
            merged_at: pull.merged_at,
            mergeable_state: pull.mergeable_state,
            additions: pull.additions,
            deletions: pull.deletions,
            changed_files: pull.changed_files,
            commits: pull.commits,
            url: pull.html_url,
        }
    }
}

/// A part of an answer that could not be had.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PartFailure {
    /// Which part
    part: &'static str,
    /// One of the codes of a failed call
    code: &'static str,
    /// What happened
    message: String,
}

/// Whether some part of an answer could not be had.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Partial {
    /// Present when something is missing
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    /// What is missing, and why
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<PartFailure>,
}

impl Partial {
    /// The part, or a note that it is missing.
    pub(crate) fn take<T>(&mut self, part: &'static str, outcome: Result<T, Error>) -> Option<T> {
        outcome.map_or_else(
            |error| {
                let (code, message) = (error.kind().code(), error.message().to_owned());
                self.failures.push(PartFailure { part, code, message });
                self.partial = true;
                None
            },
            Some,
        )
    }
}

pub(crate) fn author(user: Option<&wire::User>) -> String {
    login(user).unwrap_or(GHOST).to_owned()
}

fn labels(labels: Vec<wire::Label>) -> Vec<String> {
    let name = |label| match label {
        wire::Label::Named { name } | wire::Label::Name(name) => name,
    };
    labels.into_iter().map(name).collect()
}

/// Which issues or pull requests are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Those that are open.
    #[default]
    Open,
    /// Those that are closed.
    Closed,
    /// All.
    All,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }
}
