//! `search_code`.

use mcp_chassis::{Budget, CallContext, Error, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    client::{Answer, Route, paged, share},
    names::{Owner, Query, RepositoryName},
    page::{More, PageStart},
    search::{Scope, scoped},
    wire,
};

/// How many places of a file are shown.
const FRAGMENTS: usize = 3;

/// Finds files on default branches in which the words of the query occur, the best matches first. Follow `next_cursor`
/// for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchCode {
    /// Words, and qualifiers like `language:rust` or `path:src`
    query: Query,
    /// Only repositories of this owner
    owner: Option<Owner>,
    /// Only this repository of the owner
    repo: Option<RepositoryName>,
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
pub(crate) struct FoundCode {
    /// The best first
    matches: Vec<Match>,
    /// Present when GitHub gave up searching before it was done
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    incomplete_results: bool,
    #[serde(flatten)]
    more: More,
}

/// A file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Match {
    /// With its owner
    repository: String,
    /// The file's path
    path: String,
    /// The hash of its content
    sha: String,
    /// Where a person reads it
    url: String,
    /// Where the words occur
    fragments: Vec<String>,
}

impl From<wire::CodeMatch> for Match {
    fn from(found: wire::CodeMatch) -> Self {
        let fragments = found.text_matches.into_iter().filter_map(|found| found.fragment);
        Self {
            repository: found.repository.full_name,
            path: found.path,
            sha: found.sha,
            url: found.html_url,
            fragments: fragments.take(FRAGMENTS).collect(),
        }
    }
}

impl ToolOutput for FoundCode {
    fn page(&self) -> Option<PageCut> {
        Some(self.more.cut("matches"))
    }
}

impl Tool for SearchCode {
    type Server = GitHub;
    type Output = FoundCode;

    const SPEC: ToolSpec = ToolSpec::read("search_code", "Search code")
        .scopes(&["github:read"])
        .deadline_secs(20)
        .output_budget(Budget::tokens(10_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<FoundCode> {
        let client = &server.client;
        let repository = match (&self.owner, &self.repo) {
            (Some(owner), Some(repo)) => Some(client.allowlist.admit(owner, repo)?),
            (None, Some(_)) => return Err(Error::invalid("owner", "is required with `repo`")),
            (_, None) => None,
        };
        let scope = match (&repository, &self.owner) {
            (Some(repository), _) => Scope::Repository(repository),
            (None, Some(owner)) => Scope::Owner(owner),
            (None, None) => Scope::Allowed,
        };
        let query = scoped(self.query.as_str(), &scope, &client.allowlist)?;
        let start = PageStart::new(&["search_code", &query], self.limit, self.cursor.as_deref())?;
        let route = paged(Route::new(&["search", "code"]).with("q", &query), &start);
        let answer: Answer<wire::Found<wire::CodeMatch>> =
            client.search(&route, share(context, 80)).await?;
        let mut page = start.page(answer.value.items, answer.has_next);
        page.retain(|found| client.allowlist.find(&found.repository.full_name).is_some());
        let (matches, more) = page.split();
        Ok(FoundCode { matches, incomplete_results: answer.value.incomplete_results, more })
    }
}
