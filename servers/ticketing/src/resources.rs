//! `ticket://{id}` and `ticket://{id}/history`: a ticket as a resource.

use mcp_chassis::{
    Budget, CallContext, Error, Resource, ResourceBody, ResourceEntry, ResourcePage, ResourceSpec,
    Result,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use validator::Validate;

use crate::{
    Ticketing,
    models::{Ticket, TicketId},
    store::PageRequest,
};

/// How many tickets a page of the listing has.
const LISTED: u32 = 50;

/// How many events a history shows.
const EVENTS: u32 = 100;

/// How many ids a completion offers.
const COMPLETED: u32 = 20;

/// One ticket as JSON, without its comments.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketResource {
    /// The ticket
    id: TicketId,
}

impl Resource for TicketResource {
    type Server = Ticketing;

    const SPEC: ResourceSpec = ResourceSpec::at("ticket://{id}", "ticket", "Ticket")
        .scopes(&["tickets:read"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(12_000))
        .outside_text(&["tickets"])
        .listed();

    async fn read(self, server: &Ticketing, _context: &CallContext) -> Result<ResourceBody> {
        let no_comments = PageRequest { limit: 1, cursor: None };
        let (ticket, _) = server.store.get(self.id, &no_comments).await?;
        serde_json::to_value(ticket).map(ResourceBody::Json).map_err(Error::internal)
    }

    async fn list(
        server: &Ticketing,
        cursor: Option<String>,
        _context: &CallContext,
    ) -> Result<ResourcePage> {
        let page = server.store.newest(&PageRequest { limit: LISTED, cursor }).await?;
        let entry = |ticket: Ticket| ResourceEntry {
            uri: format!("ticket://{}", ticket.id),
            name: ticket.id.to_string(),
            title: ticket.title,
        };
        Ok(ResourcePage {
            entries: page.items.into_iter().map(entry).collect(),
            next_cursor: page.next_cursor,
        })
    }

    async fn complete(
        server: &Ticketing,
        name: &str,
        typed: &str,
        _context: &CallContext,
    ) -> Result<Vec<String>> {
        ticket_ids(server, name, typed).await
    }
}

/// What happened to one ticket, oldest first: who did what, when, and which fields changed. The first 100 events.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketHistory {
    /// The ticket
    id: TicketId,
}

impl Resource for TicketHistory {
    type Server = Ticketing;

    const SPEC: ResourceSpec =
        ResourceSpec::at("ticket://{id}/history", "ticket-history", "Ticket history")
            .scopes(&["tickets:read"])
            .deadline_secs(10)
            .output_budget(Budget::tokens(12_000))
            .outside_text(&["tickets"]);

    async fn read(self, server: &Ticketing, _context: &CallContext) -> Result<ResourceBody> {
        let page = PageRequest { limit: EVENTS, cursor: None };
        let events = server.store.history(self.id, &page).await?;
        let body = json!({ "events": events.items, "truncated": events.truncated });
        Ok(ResourceBody::Json(body))
    }

    async fn complete(
        server: &Ticketing,
        name: &str,
        typed: &str,
        _context: &CallContext,
    ) -> Result<Vec<String>> {
        ticket_ids(server, name, typed).await
    }
}

/// Everything that is read anew when a ticket changes.
pub(crate) fn addresses(id: TicketId) -> [String; 2] {
    [format!("ticket://{id}"), format!("ticket://{id}/history")]
}

/// The newest ids that begin with what was typed.
pub(crate) async fn ticket_ids(server: &Ticketing, name: &str, typed: &str) -> Result<Vec<String>> {
    if name != "id" {
        return Ok(Vec::new());
    }
    let ids = server.store.recent_ids(typed, COMPLETED).await?;
    Ok(ids.iter().map(ToString::to_string).collect())
}
