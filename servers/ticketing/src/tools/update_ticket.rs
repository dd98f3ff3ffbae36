//! `update_ticket`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    Ticketing, idempotency,
    models::{ActiveStatus, Priority, Ticket, TicketId},
    server::author,
    store::Patch,
};

/// Changes fields of an open ticket; what is left out stays. If somebody changed the ticket since you read it,
/// the answer is a conflict: read it again and decide anew. Use `close_ticket` to close.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateTicket {
    /// The ticket
    id: TicketId,
    /// The `version` of the ticket that you read
    #[validate(range(min = 1))]
    expected_version: i64,
    /// The new title
    #[validate(length(min = 1, max = 200))]
    title: Option<String>,
    /// The new description
    #[validate(length(min = 1, max = 10_000))]
    body: Option<String>,
    /// The new state
    status: Option<ActiveStatus>,
    /// The new priority
    priority: Option<Priority>,
    /// The new assignee; the empty string for nobody
    #[validate(length(max = 200))]
    assignee: Option<String>,
    /// All labels from now on
    #[validate(custom(function = "super::labels"))]
    labels: Option<Vec<String>>,
}

impl Tool for UpdateTicket {
    type Server = Ticketing;
    type Output = Ticket;

    const SPEC: ToolSpec = ToolSpec::write("update_ticket", "Update ticket")
        .scopes(&["tickets:write"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(12_000))
        .outside_text(&["tickets"])
        .audited(&["id", "expected_version"]);

    async fn call(self, server: &Ticketing, context: &CallContext) -> Result<Ticket> {
        let Self { id, expected_version, title, body, status, priority, assignee, labels } = self;
        let patch = Patch { expected_version, title, body, status, priority, assignee, labels };
        let (by, write) = (author(context.principal()), idempotency::record(context));
        let ticket = server.store.update(id, patch, by, write.as_ref()).await?;
        super::changed(context, id);
        Ok(ticket)
    }
}
