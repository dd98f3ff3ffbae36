//! `search_tickets`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    Ticketing,
    models::{Priority, Status, Ticket},
    store::{PageRequest, SearchQuery},
};

/// Finds tickets in which every word of the query occurs, newest first. Follow `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchTickets {
    /// Words to look for in titles, descriptions and comments; no operators
    #[validate(length(min = 1, max = 500))]
    query: String,
    /// Only tickets in this state
    status: Option<Status>,
    /// Only tickets of this priority
    priority: Option<Priority>,
    /// Only tickets of exactly this assignee
    #[validate(length(max = 200))]
    assignee: Option<String>,
    /// How many at most
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 50))]
    limit: u32,
    /// `next_cursor` of an earlier answer to the same query
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

fn default_limit() -> u32 {
    10
}

/// A page of tickets.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FoundTickets {
    /// Newest first
    tickets: Vec<Ticket>,
    /// Pass it as `cursor` to go on
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there is more
    truncated: bool,
    #[serde(skip)]
    cursors: Vec<String>,
}

impl ToolOutput for FoundTickets {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "tickets", cursors: self.cursors.clone(), count: None })
    }
}

impl Tool for SearchTickets {
    type Server = Ticketing;
    type Output = FoundTickets;

    const SPEC: ToolSpec = ToolSpec::read("search_tickets", "Search tickets")
        .scopes(&["tickets:read"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(10_000))
        .outside_text(&["tickets"])
        .shown_by(&super::BOARD);

    async fn call(self, server: &Ticketing, _context: &CallContext) -> Result<FoundTickets> {
        let Self { query, status, priority, assignee, limit, cursor } = self;
        let query = SearchQuery { text: query, status, priority, assignee };
        let page = server.store.search(&query, &PageRequest { limit, cursor }).await?;
        Ok(FoundTickets {
            tickets: page.items,
            next_cursor: page.next_cursor,
            truncated: page.truncated,
            cursors: page.cursors,
        })
    }
}
