//! `get_me`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::GitHub;

/// Tells who this server is to GitHub, and which repositories it may be asked about.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetMe {}

/// Who this server is to GitHub.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Me {
    /// The name of the account: the author of what this server writes
    login: String,
    /// The name that a person reads
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `User`, `Bot` or `App`
    kind: String,
    /// Where a person reads about it
    url: String,
    /// The repositories this server may be asked about; every one that GitHub shows it when absent
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_repositories: Option<Vec<String>>,
    /// Whether only issues, pull requests and comments by people with push access are shown
    lockdown: bool,
}

impl ToolOutput for Me {}

impl Tool for GetMe {
    type Server = GitHub;
    type Output = Me;

    const SPEC: ToolSpec = ToolSpec::read("get_me", "Get me")
        .scopes(&["github:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(4_000))
        .outside_text(&["github"])
        .open_world();

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<Me> {
        let account = server.client.me(context).await?;
        Ok(Me {
            login: account.login,
            name: account.name,
            kind: account.kind,
            url: account.html_url,
            allowed_repositories: server.client.allowlist.listed(),
            lockdown: server.client.is_locked_down(),
        })
    }
}
