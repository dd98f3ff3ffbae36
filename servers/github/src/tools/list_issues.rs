//! `list_issues`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

use crate::{
    GitHub,
    client::{in_repository, share},
    models::{Issue, State},
    names::{Label, Owner, RepositoryName},
    page::{More, PageStart},
    wire::{self, login},
};

/// Lists the issues of a repository, newest first, without what they say. Pull requests have a list of their own. Follow
/// `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListIssues {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// Only issues in this state
    #[serde(default)]
    state: State,
    /// Only issues with all of these labels
    #[serde(default)]
    #[validate(custom(function = "few"))]
    labels: Vec<Label>,
    /// How many at most
    #[serde(default = "super::default_limit")]
    #[validate(range(min = 1, max = 100))]
    limit: u32,
    /// `next_cursor` of an earlier answer to the same question
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// The most labels or assignees of one call.
const FEW: usize = 20;

/// Labels and assignees are not many.
pub(super) fn few<T>(items: &[T]) -> Result<(), ValidationError> {
    if items.len() <= FEW {
        return Ok(());
    }
    Err(ValidationError::new("few").with_message(format!("must be at most {FEW}").into()))
}

/// A part of the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct IssueList {
    /// Newest first
    issues: Vec<Issue>,
    /// How many are left out because their authors have no push access
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<usize>,
    #[serde(flatten)]
    more: More,
}

impl ToolOutput for IssueList {
    fn page(&self) -> Option<PageCut> {
        Some(self.more.cut("issues"))
    }
}

impl Tool for ListIssues {
    type Server = GitHub;
    type Output = IssueList;

    const SPEC: ToolSpec = ToolSpec::read("list_issues", "List issues")
        .scopes(&["github:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(10_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<IssueList> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        let full_name = repository.to_string();
        let labels: Vec<&str> = self.labels.iter().map(Label::as_str).collect();
        let labels = labels.join(",");
        let parts = ["list_issues", full_name.as_str(), self.state.as_str(), labels.as_str()];
        let start = PageStart::new(&parts, self.limit, self.cursor.as_deref())?;
        let route = in_repository(&repository, &["issues"])
            .with("state", self.state.as_str())
            .with_some("labels", Some(labels.as_str()).filter(|labels| !labels.is_empty()))
            .with("sort", "created")
            .with("direction", "desc");
        context.source(format!("github:{repository}"));
        let mut page =
            client.list_in::<wire::Issue>(&repository, route, &start, share(context, 50)).await?;
        page.retain(|issue| issue.pull_request.is_none());
        let authors = page.items().map(|issue| (&repository, login(issue.user.as_ref())));
        let trusted = client.trusted(authors, context).await?;
        let withheld = page.retain(|issue| trusted.has(&repository, login(issue.user.as_ref())));
        let (issues, more) = page.split();
        Ok(IssueList { issues, withheld: client.is_locked_down().then_some(withheld), more })
    }
}
