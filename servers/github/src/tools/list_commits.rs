//! `list_commits`.

use chrono::{DateTime, Utc};
use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    client::{in_repository, share},
    names::{FilePath, GitRef, Owner, RepositoryName},
    page::{More, PageStart},
    wire,
};

/// Lists the commits of a branch, newest first; with a path, those that changed it. Follow `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListCommits {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// Only commits that changed this file or folder
    path: Option<FilePath>,
    /// A branch, a tag or a commit to begin at; the default branch when left out
    #[serde(rename = "ref")]
    at: Option<GitRef>,
    /// How many at most
    #[serde(default = "super::default_limit")]
    #[validate(range(min = 1, max = 100))]
    limit: u32,
    /// `next_cursor` of an earlier answer to the same question
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// A part of the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Commits {
    /// Newest first
    commits: Vec<Commit>,
    #[serde(flatten)]
    more: More,
}

/// A commit.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Commit {
    /// Its hash
    sha: String,
    /// What it says
    message: String,
    /// The account of whoever wrote it, or the name they go by where there is none
    author: String,
    /// When it was written
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<DateTime<Utc>>,
    /// Where a person reads it
    url: String,
}

impl From<wire::Commit> for Commit {
    fn from(commit: wire::Commit) -> Self {
        let wire::CommitText { message, author: signature } = commit.text;
        let (name, date) = signature.map(|it| (it.name, it.date)).unwrap_or_default();
        let author = commit.author.map(|user| user.login).or(name).unwrap_or_default();
        Self { sha: commit.sha, message, author, date, url: commit.html_url }
    }
}

impl ToolOutput for Commits {
    fn page(&self) -> Option<PageCut> {
        Some(self.more.cut("commits"))
    }
}

impl Tool for ListCommits {
    type Server = GitHub;
    type Output = Commits;

    const SPEC: ToolSpec = ToolSpec::read("list_commits", "List commits")
        .scopes(&["github:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(10_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<Commits> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        let full_name = repository.to_string();
        let path = self.path.map(|path| path.to_string()).filter(|path| !path.is_empty());
        let at = self.at.as_ref().map(GitRef::as_str);
        let parts = [
            "list_commits",
            full_name.as_str(),
            path.as_deref().unwrap_or_default(),
            at.unwrap_or_default(),
        ];
        let start = PageStart::new(&parts, self.limit, self.cursor.as_deref())?;
        let route = in_repository(&repository, &["commits"])
            .with_some("sha", at)
            .with_some("path", path.as_deref());
        context.source(format!("github:{repository}"));
        let page =
            client.list_in::<wire::Commit>(&repository, route, &start, share(context, 80)).await?;
        let (commits, more) = page.split();
        Ok(Commits { commits, more })
    }
}
