//! The tools, a file each, and the list of those that are offered.

mod add_comment;
mod close_ticket;
mod create_ticket;
mod get_ticket;
mod search_tickets;
mod update_ticket;

use mcp_chassis::{Budget, CallContext, Catalog, PageSpec, ToolOutput};
use validator::ValidationError;

use crate::{
    Ticketing,
    models::{Comment, Ticket, TicketId},
    resources::addresses,
};

/// Offers every tool, in the order in which clients list them.
pub(crate) fn register(catalog: &mut Catalog<Ticketing>) {
    catalog
        .tool::<search_tickets::SearchTickets>()
        .tool::<get_ticket::GetTicket>()
        .tool::<create_ticket::CreateTicket>()
        .tool::<update_ticket::UpdateTicket>()
        .tool::<add_comment::AddComment>()
        .tool::<close_ticket::CloseTicket>();
}

/// The board that shows tickets: what a search found, and each ticket with what can be done with it.
const BOARD: PageSpec = PageSpec::page(
    "ui://ticketing/tickets",
    "tickets",
    "Ticket board",
    include_str!("../../pages/tickets.html"),
)
.scopes(&["tickets:read"])
.deadline_secs(5)
.output_budget(Budget::tokens(40_000))
.own_text();

impl ToolOutput for Ticket {}
impl ToolOutput for Comment {}

/// The most labels a ticket may have.
const MAX_LABELS: usize = 20;

/// Labels are short single words or phrases, and not many.
fn labels(labels: &[String]) -> Result<(), ValidationError> {
    let fits = |label: &String| (1..=50).contains(&label.chars().count());
    if labels.len() <= MAX_LABELS && labels.iter().all(fits) {
        return Ok(());
    }
    let message = format!("must be at most {MAX_LABELS} labels of 1 to 50 characters");
    Err(ValidationError::new("labels").with_message(message.into()))
}

/// Tells subscribers that a ticket changed.
fn changed(context: &CallContext, id: TicketId) {
    for uri in addresses(id) {
        context.resource_changed(uri);
    }
}
