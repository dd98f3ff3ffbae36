//! What GitHub sends (<https://docs.github.com/rest>), read leniently: what is unknown is passed over.

use chrono::{DateTime, Utc};
use serde::{Deserialize, de::IgnoredAny};

/// `GET /user`.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) login: String,
    pub(crate) name: Option<String>,
    pub(crate) html_url: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// Whoever did something; null where the account is gone.
#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) login: String,
}

/// An entry of `GET /users/{username}/repos`.
#[derive(Debug, Deserialize)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) stargazers_count: u64,
    pub(crate) language: Option<String>,
    pub(crate) html_url: String,
    #[serde(default)]
    pub(crate) private: bool,
    #[serde(default)]
    pub(crate) archived: bool,
    pub(crate) default_branch: Option<String>,
}

/// `GET /repos/{owner}/{repo}/contents/{path}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Contents {
    Directory(Vec<Entry>),
    One(Entry),
}

/// A file, a folder, a link or a submodule.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) sha: String,
    #[serde(default)]
    pub(crate) size: u64,
    pub(crate) html_url: Option<String>,
    /// Base64, of files up to 1 MB.
    pub(crate) content: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) target: Option<String>,
}

/// What a search answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Found<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) incomplete_results: bool,
}

/// An item of `GET /search/code`.
#[derive(Debug, Deserialize)]
pub(crate) struct CodeMatch {
    pub(crate) path: String,
    pub(crate) sha: String,
    pub(crate) html_url: String,
    pub(crate) repository: FullName,
    #[serde(default)]
    pub(crate) text_matches: Vec<TextMatch>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FullName {
    pub(crate) full_name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TextMatch {
    pub(crate) fragment: Option<String>,
}

/// An entry of `GET /repos/{owner}/{repo}/commits`.
#[derive(Debug, Deserialize)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) html_url: String,
    pub(crate) author: Option<User>,
    #[serde(rename = "commit")]
    pub(crate) text: CommitText,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CommitText {
    pub(crate) message: String,
    pub(crate) author: Option<Signature>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Signature {
    pub(crate) name: Option<String>,
    pub(crate) date: Option<DateTime<Utc>>,
}

/// An issue; a pull request is one, too.
#[derive(Debug, Deserialize)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) state_reason: Option<String>,
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) labels: Vec<Label>,
    #[serde(default)]
    pub(crate) assignees: Vec<User>,
    #[serde(default)]
    pub(crate) comments: u64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) closed_at: Option<DateTime<Utc>>,
    pub(crate) html_url: String,
    pub(crate) body: Option<String>,
    pub(crate) pull_request: Option<IgnoredAny>,
    pub(crate) repository_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Label {
    Named { name: String },
    Name(String),
}

/// A comment on an issue.
#[derive(Debug, Deserialize)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) user: Option<User>,
    pub(crate) body: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) html_url: String,
}

/// `GET /repos/{owner}/{repo}/pulls/{number}`, and an entry of the list, which has less.
#[derive(Debug, Deserialize)]
pub(crate) struct PullRequest {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) draft: bool,
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) labels: Vec<Label>,
    pub(crate) head: Branch,
    pub(crate) base: Branch,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) merged_at: Option<DateTime<Utc>>,
    pub(crate) html_url: String,
    pub(crate) body: Option<String>,
    pub(crate) mergeable_state: Option<String>,
    pub(crate) additions: Option<u64>,
    pub(crate) deletions: Option<u64>,
    pub(crate) changed_files: Option<u64>,
    pub(crate) commits: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Branch {
    #[serde(rename = "ref")]
    pub(crate) name: String,
    pub(crate) sha: String,
    /// Null where the fork is gone.
    pub(crate) repo: Option<FullName>,
}

/// An entry of `GET …/pulls/{number}/files`.
#[derive(Debug, Deserialize)]
pub(crate) struct ChangedFile {
    pub(crate) filename: String,
    pub(crate) previous_filename: Option<String>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) additions: u64,
    #[serde(default)]
    pub(crate) deletions: u64,
}

/// An entry of `GET …/pulls/{number}/reviews`.
#[derive(Debug, Deserialize)]
pub(crate) struct Review {
    pub(crate) id: u64,
    pub(crate) user: Option<User>,
    pub(crate) body: Option<String>,
    pub(crate) state: String,
    pub(crate) submitted_at: Option<DateTime<Utc>>,
    pub(crate) html_url: String,
}

/// An entry of `GET …/pulls/{number}/comments`.
#[derive(Debug, Deserialize)]
pub(crate) struct ReviewComment {
    pub(crate) user: Option<User>,
    pub(crate) body: String,
    pub(crate) path: String,
    pub(crate) line: Option<u64>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) html_url: String,
}

/// `GET …/commits/{ref}/check-runs`.
#[derive(Debug, Deserialize)]
pub(crate) struct CheckRuns {
    pub(crate) check_runs: Vec<CheckRun>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CheckRun {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) html_url: Option<String>,
}

/// `GET …/commits/{ref}/status`.
#[derive(Debug, Deserialize)]
pub(crate) struct CombinedStatus {
    pub(crate) statuses: Vec<Status>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) context: String,
    pub(crate) state: String,
    pub(crate) description: Option<String>,
}

impl Issue {
    /// `owner/name` of where it stands.
    pub(crate) fn full_name(&self) -> Option<&str> {
        self.repository_url.as_deref()?.split_once("/repos/").map(|(_, name)| name)
    }
}

/// The login of whoever it is.
pub(crate) fn login(user: Option<&User>) -> Option<&str> {
    user.map(|user| user.login.as_str())
}
