//! `add_comment`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    Ticketing, idempotency,
    models::{Comment, TicketId},
    server::author,
};

/// Adds a comment to a ticket, under your own name.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddComment {
    /// The ticket
    id: TicketId,
    /// The comment, in Markdown
    #[validate(length(min = 1, max = 10_000))]
    body: String,
}

impl Tool for AddComment {
    type Server = Ticketing;
    type Output = Comment;

    const SPEC: ToolSpec = ToolSpec::write("add_comment", "Add comment")
        .scopes(&["tickets:write"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(12_000))
        .outside_text(&["tickets"])
        .audited(&["id"]);

    async fn call(self, server: &Ticketing, context: &CallContext) -> Result<Comment> {
        let (by, write) = (author(context.principal()), idempotency::record(context));
        let comment = server.store.add_comment(self.id, self.body, by, write.as_ref()).await?;
        super::changed(context, self.id);
        Ok(comment)
    }
}
