//! `get_pull_request`.

mod parts;

use mcp_chassis::{
    Budget, CallContext, LineRange, PageCut, RawText, Result, Tool, ToolOutput, ToolSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    models::{Partial, PullRequest},
    names::{Owner, RepositoryName},
};
use parts::{ChangedFile, CheckRun, Review, ReviewComment, Status};

/// Reads one part of a pull request: its summary, the diff as text in a block of its own, the names of the changed
/// files, the reviews with their comments, or the checks of its last commit. Follow `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetPullRequest {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// The pull request's number
    #[validate(range(min = 1, max = "super::MAX_NUMBER"))]
    number: u64,
    /// What to read
    #[serde(default)]
    part: Part,
    /// `next_cursor` of an earlier answer for the same part
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// A part of a pull request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// What it is, and what its author says.
    #[default]
    Summary,
    /// What it changes, as text.
    Diff,
    /// Which files it changes, and how much.
    Files,
    /// What others say of it.
    Reviews,
    /// What was checked on its last commit.
    Checks,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Diff => "diff",
            Self::Files => "files",
            Self::Reviews => "reviews",
            Self::Checks => "checks",
        }
    }
}

/// A part of a pull request; what does not belong to it is absent.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct PullRequestPart {
    /// Its number within the repository
    number: u64,
    /// What it is
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<PullRequest>,
    /// What its author says, in Markdown
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Which lines of the diff are shown
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<LineRange>,
    /// The changed files, in the order of their paths
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<ChangedFile>>,
    /// The reviews, oldest first
    #[serde(skip_serializing_if = "Option::is_none")]
    reviews: Option<Vec<Review>>,
    /// The first 100 comments on lines, oldest first
    #[serde(skip_serializing_if = "Option::is_none")]
    comments: Option<Vec<ReviewComment>>,
    /// The checks of its last commit
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Vec<CheckRun>>,
    /// The first 100 statuses that other systems gave its last commit
    #[serde(skip_serializing_if = "Option::is_none")]
    statuses: Option<Vec<Status>>,
    /// How many texts are left out because their authors have no push access
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<usize>,
    #[serde(flatten)]
    more: crate::page::More,
    #[serde(flatten)]
    partial: Partial,
    #[serde(skip)]
    text: Option<RawText>,
}

impl ToolOutput for PullRequestPart {
    fn page(&self) -> Option<PageCut> {
        let lists = [
            ("files", self.files.is_some()),
            ("reviews", self.reviews.is_some()),
            ("checks", self.checks.is_some()),
        ];
        let (list, _) = lists.into_iter().find(|(_, is_there)| *is_there)?;
        Some(self.more.cut(list))
    }

    fn take_text(&mut self) -> Option<RawText> {
        self.text.take()
    }
}

impl Tool for GetPullRequest {
    type Server = GitHub;
    type Output = PullRequestPart;

    const SPEC: ToolSpec = ToolSpec::read("get_pull_request", "Get pull request")
        .scopes(&["github:read"])
        .deadline_secs(30)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo", "number", "part"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<PullRequestPart> {
        let repository = server.client.allowlist.admit(&self.owner, &self.repo)?;
        context.source(format!("github:{repository}#{}", self.number));
        let reading = parts::Reading {
            client: &server.client,
            repository,
            number: self.number.to_string(),
            cursor: self.cursor.as_deref(),
            context,
        };
        let part = match self.part {
            Part::Summary => reading.summary().await?,
            Part::Diff => reading.diff().await?,
            Part::Files => reading.files().await?,
            Part::Reviews => reading.reviews().await?,
            Part::Checks => reading.checks().await?,
        };
        Ok(PullRequestPart { number: self.number, ..part })
    }
}
