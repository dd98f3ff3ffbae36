//! `list_pull_requests`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    client::{in_repository, share},
    models::{PullRequest, State},
    names::{Owner, RepositoryName},
    page::{More, PageStart},
    wire::{self, login},
};

/// Lists the pull requests of a repository, newest first. Follow `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPullRequests {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// Only pull requests in this state
    #[serde(default)]
    state: State,
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
pub(crate) struct PullRequestList {
    /// Newest first
    pull_requests: Vec<PullRequest>,
    /// How many are left out because their authors have no push access
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<usize>,
    #[serde(flatten)]
    more: More,
}

impl ToolOutput for PullRequestList {
    fn page(&self) -> Option<PageCut> {
        Some(self.more.cut("pull_requests"))
    }
}

impl Tool for ListPullRequests {
    type Server = GitHub;
    type Output = PullRequestList;

    const SPEC: ToolSpec = ToolSpec::read("list_pull_requests", "List pull requests")
        .scopes(&["github:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(12_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<PullRequestList> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        let full_name = repository.to_string();
        let parts = ["list_pull_requests", full_name.as_str(), self.state.as_str()];
        let start = PageStart::new(&parts, self.limit, self.cursor.as_deref())?;
        let route = in_repository(&repository, &["pulls"])
            .with("state", self.state.as_str())
            .with("sort", "created")
            .with("direction", "desc");
        context.source(format!("github:{repository}"));
        let within = share(context, 50);
        let mut page =
            client.list_in::<wire::PullRequest>(&repository, route, &start, within).await?;
        let authors = page.items().map(|pull| (&repository, login(pull.user.as_ref())));
        let trusted = client.trusted(authors, context).await?;
        let withheld = page.retain(|pull| trusted.has(&repository, login(pull.user.as_ref())));
        let (pull_requests, more) = page.split();
        let withheld = client.is_locked_down().then_some(withheld);
        Ok(PullRequestList { pull_requests, withheld, more })
    }
}
