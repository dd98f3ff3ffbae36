//! `create_ticket`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    Ticketing, idempotency,
    models::{Priority, Ticket},
    server::author,
    store::NewTicket,
};

/// Opens a ticket. Search first: the ticket may exist already.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTicket {
    /// One line that says what it is about
    #[validate(length(min = 1, max = 200))]
    title: String,
    /// The full description, in Markdown
    #[validate(length(min = 1, max = 10_000))]
    body: String,
    /// How urgent it is
    #[serde(default = "default_priority")]
    priority: Priority,
    /// Free labels
    #[serde(default)]
    #[validate(custom(function = "super::labels"))]
    labels: Vec<String>,
    /// Who should work on it
    #[validate(length(min = 1, max = 200))]
    assignee: Option<String>,
}

fn default_priority() -> Priority {
    Priority::Medium
}

impl Tool for CreateTicket {
    type Server = Ticketing;
    type Output = Ticket;

    const SPEC: ToolSpec = ToolSpec::write("create_ticket", "Create ticket")
        .scopes(&["tickets:write"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(12_000))
        .outside_text(&["tickets"]);

    async fn call(self, server: &Ticketing, context: &CallContext) -> Result<Ticket> {
        let Self { title, body, priority, labels, assignee } = self;
        let ticket = NewTicket { title, body, priority, labels, assignee };
        let (by, write) = (author(context.principal()), idempotency::record(context));
        let ticket = server.store.create(ticket, by, write.as_ref()).await?;
        context.resource_list_changed();
        Ok(ticket)
    }
}
