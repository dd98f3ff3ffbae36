//! `add_issue_comment`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use validator::Validate;

use crate::{
    GitHub,
    client::{Draft, Written, in_repository},
    models::Comment,
    names::{Markdown, Owner, RepositoryName},
    wire::{self, login},
};

/// Adds a comment to an issue or a pull request, which others are told of at once.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddIssueComment {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// The number of the issue or pull request
    #[validate(range(min = 1, max = "super::MAX_NUMBER"))]
    number: u64,
    /// What to say, in Markdown
    body: Markdown,
}

impl ToolOutput for Comment {}

impl Written for wire::Comment {
    fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    fn author(&self) -> Option<&str> {
        login(self.user.as_ref())
    }
}

impl Tool for AddIssueComment {
    type Server = GitHub;
    type Output = Comment;

    const SPEC: ToolSpec = ToolSpec::write("add_issue_comment", "Add issue comment")
        .scopes(&["github:write"])
        .deadline_secs(30)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo", "number"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<Comment> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        let number = self.number.to_string();
        context.source(format!("github:{repository}#{number}"));
        let draft = Draft {
            repository: &repository,
            to: in_repository(&repository, &["issues", &number, "comments"]),
            fields: json!({ "body": self.body.as_str() }),
            // Those of one issue come oldest first only.
            among: |repository, _login| {
                in_repository(repository, &["issues", "comments"])
                    .with("sort", "created")
                    .with("direction", "desc")
                    .with("per_page", "100")
            },
            name: "the comment",
        };
        let comment: wire::Comment = client.write(draft, context).await?;
        Ok(comment.into())
    }
}
