//! A store whose every question is a span of its operation's trace.

use std::time::Duration;

use async_trait::async_trait;
use mcp_chassis::database_span;
use tracing::{Instrument, Span};

use super::{
    NewTicket, Notice, Page, PageRequest, Patch, RecordedWrite, Result, SearchQuery, TicketStore,
    WriteRecord,
};
use crate::models::{Comment, Event, Ticket, TicketId};

/// Passes everything on; what it costs where nothing is traced is one look at a flag.
#[derive(Debug)]
pub(super) struct Traced<S> {
    pub(super) store: S,
    /// The database, as the conventions call it.
    pub(super) system: &'static str,
}

impl<S> Traced<S> {
    fn span(&self, operation: &'static str, table: &'static str) -> Span {
        database_span(self.system, operation, Some(table))
    }
}

#[async_trait]
impl<S: TicketStore> TicketStore for Traced<S> {
    async fn search(&self, query: &SearchQuery, page: &PageRequest) -> Result<Page<Ticket>> {
        self.store.search(query, page).instrument(self.span("SELECT", "tickets")).await
    }

    async fn get(&self, id: TicketId, comments: &PageRequest) -> Result<(Ticket, Page<Comment>)> {
        self.store.get(id, comments).instrument(self.span("SELECT", "tickets")).await
    }

    async fn history(&self, id: TicketId, page: &PageRequest) -> Result<Page<Event>> {
        self.store.history(id, page).instrument(self.span("SELECT", "ticket_events")).await
    }

    async fn newest(&self, page: &PageRequest) -> Result<Page<Ticket>> {
        self.store.newest(page).instrument(self.span("SELECT", "tickets")).await
    }

    async fn recent_ids(&self, prefix: &str, limit: u32) -> Result<Vec<TicketId>> {
        self.store.recent_ids(prefix, limit).instrument(self.span("SELECT", "tickets")).await
    }

    async fn create(
        &self,
        ticket: NewTicket,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket> {
        self.store.create(ticket, by, write).instrument(self.span("INSERT", "tickets")).await
    }

    async fn update(
        &self,
        id: TicketId,
        patch: Patch,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket> {
        self.store.update(id, patch, by, write).instrument(self.span("UPDATE", "tickets")).await
    }

    async fn add_comment(
        &self,
        id: TicketId,
        body: String,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Comment> {
        let span = self.span("INSERT", "ticket_comments");
        self.store.add_comment(id, body, by, write).instrument(span).await
    }

    async fn close(
        &self,
        id: TicketId,
        resolution: String,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket> {
        self.store.close(id, resolution, by, write).instrument(self.span("UPDATE", "tickets")).await
    }

    async fn find_write(&self, key: &str) -> Result<Option<RecordedWrite>> {
        self.store.find_write(key).instrument(self.span("SELECT", "writes")).await
    }

    async fn purge_writes(&self, age: Duration) -> Result<u64> {
        self.store.purge_writes(age).await
    }

    async fn ping(&self) -> Result<()> {
        self.store.ping().await
    }

    async fn follow(&self, tell: &(dyn Fn(Notice) + Send + Sync)) {
        self.store.follow(tell).await;
    }
}
