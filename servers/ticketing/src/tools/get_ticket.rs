//! `get_ticket`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    Ticketing,
    models::{Comment, Ticket, TicketId},
    store::PageRequest,
};

/// How many comments come with a ticket at once.
const COMMENTS: u32 = 20;

/// Reads one ticket with its comments, oldest first. Follow `next_cursor` for more comments.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetTicket {
    /// The ticket
    id: TicketId,
    /// `next_cursor` of an earlier answer for the same ticket
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// A ticket with a page of its comments.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TicketWithComments {
    #[serde(flatten)]
    ticket: Ticket,
    /// Oldest first
    comments: Vec<Comment>,
    /// Pass it as `cursor` for more comments
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there are more comments
    truncated: bool,
    #[serde(skip)]
    cursors: Vec<String>,
}

impl ToolOutput for TicketWithComments {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "comments", cursors: self.cursors.clone(), count: None })
    }
}

impl Tool for GetTicket {
    type Server = Ticketing;
    type Output = TicketWithComments;

    const SPEC: ToolSpec = ToolSpec::read("get_ticket", "Get ticket")
        .scopes(&["tickets:read"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(10_000))
        .outside_text(&["tickets"])
        .audited(&["id"])
        .shown_by(&super::BOARD);

    async fn call(self, server: &Ticketing, _context: &CallContext) -> Result<TicketWithComments> {
        let page = PageRequest { limit: COMMENTS, cursor: self.cursor };
        let (ticket, comments) = server.store.get(self.id, &page).await?;
        Ok(TicketWithComments {
            ticket,
            comments: comments.items,
            next_cursor: comments.next_cursor,
            truncated: comments.truncated,
            cursors: comments.cursors,
        })
    }
}
