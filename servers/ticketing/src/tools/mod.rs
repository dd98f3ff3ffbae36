//! The tools, a file each.

mod add_comment;
mod close_ticket;
mod create_ticket;
mod get_ticket;
mod search_tickets;
mod update_ticket;

pub(crate) use add_comment::AddComment;
pub(crate) use close_ticket::CloseTicket;
pub(crate) use create_ticket::CreateTicket;
pub(crate) use get_ticket::GetTicket;
pub(crate) use search_tickets::SearchTickets;
pub(crate) use update_ticket::UpdateTicket;

use mcp_chassis::ToolOutput;
use validator::ValidationError;

use crate::models::{Comment, Ticket};

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
fn changed(context: &mcp_chassis::CallContext, id: crate::models::TicketId) {
    context.resource_changed(format!("ticket://{id}"));
}
