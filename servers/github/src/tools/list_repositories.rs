//! `list_repositories`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    allowlist::forbidden,
    client::{Answer, Route, paged, share},
    names::Owner,
    page::{More, PageStart},
    wire,
};

/// Lists the repositories of a person or an organization that this server may be asked about, in the order of their
/// names. Follow `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListRepositories {
    /// Whose repositories
    username: Owner,
    /// Those that they own, those of others that they work on, or all
    #[serde(default, rename = "type")]
    kind: Kind,
    /// How many at most
    #[serde(default = "super::default_limit")]
    #[validate(range(min = 1, max = 100))]
    per_page: u32,
    /// `next_cursor` of an earlier answer to the same question
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// Which repositories of somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Their own and those that they work on.
    All,
    /// Their own.
    #[default]
    Owner,
    /// Those of others that they work on.
    Member,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Owner => "owner",
            Self::Member => "member",
        }
    }
}

/// A part of the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Repositories {
    /// In the order of their names
    repositories: Vec<Repository>,
    #[serde(flatten)]
    more: More,
}

/// A repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Repository {
    /// Without its owner
    name: String,
    /// With its owner, like `octocat/hello-world`
    full_name: String,
    /// What it is
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// How many people marked it with a star
    stars: u64,
    /// What most of it is written in
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Where a person reads it
    url: String,
    /// The branch that is meant when none is named
    #[serde(skip_serializing_if = "Option::is_none")]
    default_branch: Option<String>,
    /// Whether only some may see it
    private: bool,
    /// Whether nothing changes there any more
    archived: bool,
}

impl From<wire::Repository> for Repository {
    fn from(repository: wire::Repository) -> Self {
        Self {
            name: repository.name,
            full_name: repository.full_name,
            description: repository.description,
            stars: repository.stargazers_count,
            language: repository.language,
            url: repository.html_url,
            default_branch: repository.default_branch,
            private: repository.private,
            archived: repository.archived,
        }
    }
}

impl ToolOutput for Repositories {
    fn page(&self) -> Option<PageCut> {
        Some(self.more.cut("repositories"))
    }
}

impl Tool for ListRepositories {
    type Server = GitHub;
    type Output = Repositories;

    const SPEC: ToolSpec = ToolSpec::read("list_repositories", "List repositories")
        .scopes(&["github:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(10_000))
        .outside_text(&["github"])
        .open_world()
        .audited(&["username"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<Repositories> {
        let (client, username) = (&server.client, self.username.as_str());
        if self.kind == Kind::Owner && !client.allowlist.allows_some_of(username) {
            return Err(forbidden());
        }
        let parts = ["list_repositories", username, self.kind.as_str()];
        let start = PageStart::new(&parts, self.per_page, self.cursor.as_deref())?;
        let route = Route::new(&["users", username, "repos"])
            .with("type", self.kind.as_str())
            .with("sort", "full_name");
        let answer: Answer<Vec<wire::Repository>> =
            client.get(&paged(route, &start), share(context, 80)).await?;
        let mut page = start.page(answer.value, answer.has_next);
        page.retain(|repository| client.allowlist.find(&repository.full_name).is_some());
        context.source(format!("github:{username}"));
        let (repositories, more) = page.split();
        Ok(Repositories { repositories, more })
    }
}
