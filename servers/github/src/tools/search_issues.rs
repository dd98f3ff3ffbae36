//! `search_issues`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    client::{Answer, Route, paged, share},
    models::Issue,
    names::Query,
    page::{More, PageStart},
    search::{Scope, scoped},
    wire::{self, login},
};

/// Finds issues, newest first; with `is:pr` in the query, pull requests. Follow `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchIssues {
    /// Words, and qualifiers like `is:open`, `label:bug`, `author:octocat` or `repo:octocat/hello-world`
    query: Query,
    /// How many at most
    #[serde(default = "super::default_limit")]
    #[validate(range(min = 1, max = 100))]
    limit: u32,
    /// `next_cursor` of an earlier answer to the same query
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// A part of what was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FoundIssues {
    /// Newest first
    issues: Vec<FoundIssue>,
    /// Present when GitHub gave up searching before it was done
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    incomplete_results: bool,
    /// How many are left out because their authors have no push access
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<usize>,
    #[serde(flatten)]
    more: More,
}

/// An issue or a pull request, and where it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FoundIssue {
    /// With its owner
    repository: String,
    /// Whether it is a pull request
    is_pull_request: bool,
    #[serde(flatten)]
    issue: Issue,
}

impl From<wire::Issue> for FoundIssue {
    fn from(issue: wire::Issue) -> Self {
        Self {
            repository: issue.full_name().unwrap_or_default().to_owned(),
            is_pull_request: issue.pull_request.is_some(),
            issue: issue.into(),
        }
    }
}

impl ToolOutput for FoundIssues {
    fn page(&self) -> Option<PageCut> {
        Some(self.more.cut("issues"))
    }
}

impl Tool for SearchIssues {
    type Server = GitHub;
    type Output = FoundIssues;

    const SPEC: ToolSpec = ToolSpec::read("search_issues", "Search issues")
        .scopes(&["github:read"])
        .deadline_secs(20)
        .output_budget(Budget::tokens(10_000))
        .outside_text(&["github"])
        .open_world();

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<FoundIssues> {
        let client = &server.client;
        let query = scoped(&of_one_kind(self.query.as_str()), &Scope::Allowed, &client.allowlist)?;
        let start = PageStart::new(&["search_issues", &query], self.limit, self.cursor.as_deref())?;
        let route = Route::new(&["search", "issues"]).with("q", &query);
        let route = paged(route.with("sort", "created").with("order", "desc"), &start);
        let answer: Answer<wire::Found<wire::Issue>> =
            client.get(&route, share(context, 50)).await?;
        let mut page = start.page(answer.value.items, answer.has_next);
        let repository = |issue: &wire::Issue| client.allowlist.find(issue.full_name()?);
        page.retain(|issue| repository(issue).is_some());
        let places: Vec<_> = page.items().filter_map(|it| Some((repository(it)?, it))).collect();
        let authors = places.iter().map(|(place, issue)| (place, login(issue.user.as_ref())));
        let trusted = client.trusted(authors, context).await?;
        drop(places);
        let withheld = page.retain(|issue| {
            repository(issue).is_some_and(|it| trusted.has(&it, login(issue.user.as_ref())))
        });
        let (issues, more) = page.split();
        Ok(FoundIssues {
            issues,
            incomplete_results: answer.value.incomplete_results,
            withheld: client.is_locked_down().then_some(withheld),
            more,
        })
    }
}

/// GitHub wants to be told whether issues or pull requests are meant.
fn of_one_kind(query: &str) -> String {
    let folded = query.to_ascii_lowercase();
    let says =
        ["is:issue", "is:pr", "is:pull-request", "type:"].iter().any(|it| folded.contains(it));
    if says { query.to_owned() } else { format!("{query} is:issue") }
}
