//! `close_ticket`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    Ticketing, idempotency,
    models::{Ticket, TicketId},
    server::author,
};

/// Closes a ticket for good and records why. A closed ticket can still be read and commented on, not reopened.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseTicket {
    /// The ticket
    id: TicketId,
    /// Why it is closed: what was done, or why nothing was
    #[validate(length(min = 1, max = 1_000))]
    resolution: String,
}

impl Tool for CloseTicket {
    type Server = Ticketing;
    type Output = Ticket;

    const SPEC: ToolSpec = ToolSpec::destructive("close_ticket", "Close ticket")
        .scopes(&["tickets:write"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(12_000))
        .outside_text(&["tickets"])
        .audited(&["id"])
        .confirmed("Close ticket {id} for good? It cannot be reopened. Resolution: {resolution}");

    async fn call(self, server: &Ticketing, context: &CallContext) -> Result<Ticket> {
        let (by, write) = (author(context.principal()), idempotency::record(context));
        let ticket = server.store.close(self.id, self.resolution, by, write.as_ref()).await?;
        super::changed(context, self.id);
        Ok(ticket)
    }
}
