//! The store itself: the rules of tickets over either database.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;

use super::{
    NewTicket, Notice, Page, PageRequest, Patch, RecordedWrite, Result, SearchQuery, StoreError,
    TicketStore, WriteRecord,
    database::{Driver, Pools, on},
    notices,
    page::Walk,
    postgres,
    rules::{self, Entry, Stamp},
    sqlite,
};
use crate::models::{Comment, Event, EventKind, Priority, Status, Ticket, TicketId};

/// The columns of a whole ticket; a new column goes here, into the model and into a migration.
macro_rules! ticket_columns {
    () => {
        "number, title, body, status, priority, labels, assignee, version, created_at, created_by, \
         updated_at, closed_by, resolution"
    };
}
pub(super) use ticket_columns;

/// Reads whole tickets.
macro_rules! select_tickets {
    ($rest:literal) => {
        concat!("SELECT ", $crate::store::sql::ticket_columns!(), " FROM tickets ", $rest)
    };
}
pub(super) use select_tickets;

/// Tickets in SQLite or PostgreSQL.
#[derive(Debug)]
pub(super) struct SqlStore {
    pools: Pools,
}

impl SqlStore {
    pub(super) fn new(pools: Pools) -> Self {
        Self { pools }
    }

    async fn comments(&self, id: TicketId, page: &PageRequest) -> Result<Page<Comment>> {
        const SQL: &str = "SELECT id, author, body, created_at FROM ticket_comments \
            WHERE ticket = $1 AND id > $2 ORDER BY id LIMIT $3";
        let walk = Walk::new(&[Some("comments"), Some(&id.to_string())]);
        let after = walk.position(page)?.unwrap_or(0);
        let rows: Vec<Comment> = on!(&mut self.pools.reader().await?, connection => {
            sqlx::query_as(SQL)
                .bind(id.number())
                .bind(after)
                .bind(Walk::rows(page))
                .fetch_all(&mut **connection)
                .await
        })?;
        Ok(walk.page(rows, page, |comment| comment.id))
    }

    async fn ticket(&self, id: TicketId) -> Result<Ticket> {
        let found: Option<Ticket> = on!(&mut self.pools.reader().await?, connection => {
            sqlx::query_as(select_tickets!("WHERE number = $1"))
                .bind(id.number())
                .fetch_optional(&mut **connection)
                .await
        })?;
        found.ok_or(StoreError::NotFound(id))
    }
}

#[async_trait]
impl TicketStore for SqlStore {
    async fn search(&self, query: &SearchQuery, page: &PageRequest) -> Result<Page<Ticket>> {
        rules::check_text("assignee", query.assignee.as_deref().unwrap_or_default())?;
        let (status, priority) =
            (query.status.map(Status::as_str), query.priority.map(Priority::as_str));
        let walk = Walk::new(&[
            Some("search"),
            Some(&query.text),
            status,
            priority,
            query.assignee.as_deref(),
        ]);
        let before = walk.position(page)?.unwrap_or(i64::MAX);
        let words = rules::words(&query.text);
        if words.is_empty() {
            return Ok(walk.page(Vec::new(), page, |_: &Ticket| 0));
        }
        let (sql, wanted) = match &self.pools.0 {
            Driver::Sqlite(_) => (sqlite::SEARCH, sqlite::match_all(&words)),
            Driver::Postgres(_) => (postgres::SEARCH, postgres::match_all(&words)),
        };
        let rows = on!(&mut self.pools.reader().await?, connection => {
            sqlx::query_as(sql)
                .bind(wanted)
                .bind(status)
                .bind(priority)
                .bind(&query.assignee)
                .bind(before)
                .bind(Walk::rows(page))
                .fetch_all(&mut **connection)
                .await
        })?;
        Ok(walk.page(rows, page, |ticket: &Ticket| ticket.id.number()))
    }

    async fn get(&self, id: TicketId, comments: &PageRequest) -> Result<(Ticket, Page<Comment>)> {
        Ok((self.ticket(id).await?, self.comments(id, comments).await?))
    }

    async fn history(&self, id: TicketId, page: &PageRequest) -> Result<Page<Event>> {
        const SQL: &str = "SELECT id, kind, actor, at, changed FROM ticket_events \
            WHERE ticket = $1 AND id > $2 ORDER BY id LIMIT $3";
        let walk = Walk::new(&[Some("history"), Some(&id.to_string())]);
        let after = walk.position(page)?.unwrap_or(0);
        let rows: Vec<Event> = on!(&mut self.pools.reader().await?, connection => {
            sqlx::query_as(SQL)
                .bind(id.number())
                .bind(after)
                .bind(Walk::rows(page))
                .fetch_all(&mut **connection)
                .await
        })?;
        // Every ticket has a first line: that it was opened.
        if rows.is_empty() && after == 0 {
            return Err(StoreError::NotFound(id));
        }
        Ok(walk.page(rows, page, |event| event.id))
    }

    async fn newest(&self, page: &PageRequest) -> Result<Page<Ticket>> {
        let walk = Walk::new(&[Some("newest")]);
        let before = walk.position(page)?.unwrap_or(i64::MAX);
        let rows = on!(&mut self.pools.reader().await?, connection => {
            sqlx::query_as(select_tickets!("WHERE number < $1 ORDER BY number DESC LIMIT $2"))
                .bind(before)
                .bind(Walk::rows(page))
                .fetch_all(&mut **connection)
                .await
        })?;
        Ok(walk.page(rows, page, |ticket: &Ticket| ticket.id.number()))
    }

    async fn recent_ids(&self, prefix: &str, limit: u32) -> Result<Vec<TicketId>> {
        let limit = limit.min(Walk::MAX_LIMIT) as usize;
        let newest: Option<i64> = on!(&mut self.pools.reader().await?, connection => {
            sqlx::query_scalar("SELECT max(number) FROM tickets").fetch_one(&mut **connection).await
        })?;
        let mut numbers: Vec<i64> = Vec::new();
        for (low, high) in rules::number_ranges(prefix, newest.unwrap_or(0)) {
            let missing = i64::try_from(limit - numbers.len()).unwrap_or(0);
            if missing == 0 {
                break;
            }
            numbers.extend::<Vec<i64>>(on!(&mut self.pools.reader().await?, connection => {
                sqlx::query_scalar(
                    "SELECT number FROM tickets WHERE number BETWEEN $1 AND $2 ORDER BY number DESC LIMIT $3",
                )
                .bind(low)
                .bind(high)
                .bind(missing)
                .fetch_all(&mut **connection)
                .await
            })?);
        }
        Ok(numbers.into_iter().filter_map(|number| number.try_into().ok()).collect())
    }

    async fn create(
        &self,
        ticket: NewTicket,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket> {
        rules::check_new(&ticket)?;
        let mut transaction = self.pools.begin().await?;
        transaction.claim(write).await?;
        let stamp = Stamp::now(by);
        let ticket = transaction.insert(ticket, stamp).await?;
        transaction.record(ticket.id, &Entry::new(EventKind::Opened, []), stamp).await?;
        transaction.commit(write, ticket).await
    }

    async fn update(
        &self,
        id: TicketId,
        patch: Patch,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket> {
        let mut transaction = self.pools.begin().await?;
        transaction.claim(write).await?;
        let ticket = transaction.lock(id).await?;
        let stamp = Stamp::now(by);
        let (ticket, entry) = rules::update(ticket, patch, stamp)?;
        if let Some(entry) = entry {
            transaction.save(&ticket).await?;
            transaction.record(id, &entry, stamp).await?;
        }
        transaction.commit(write, ticket).await
    }

    async fn add_comment(
        &self,
        id: TicketId,
        body: String,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Comment> {
        rules::check_text("body", &body)?;
        let mut transaction = self.pools.begin().await?;
        transaction.claim(write).await?;
        transaction.lock(id).await?;
        let stamp = Stamp::now(by);
        let comment = transaction.comment(id, body, stamp).await?;
        transaction.touch(id, stamp.at).await?;
        transaction.record(id, &Entry::new(EventKind::Commented, []), stamp).await?;
        transaction.commit(write, comment).await
    }

    async fn close(
        &self,
        id: TicketId,
        resolution: String,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket> {
        let mut transaction = self.pools.begin().await?;
        transaction.claim(write).await?;
        let ticket = transaction.lock(id).await?;
        let stamp = Stamp::now(by);
        let (ticket, entry) = rules::close(ticket, resolution, stamp)?;
        transaction.save(&ticket).await?;
        transaction.record(id, &entry, stamp).await?;
        transaction.commit(write, ticket).await
    }

    async fn find_write(&self, key: &str) -> Result<Option<RecordedWrite>> {
        rules::check_text("idempotency_key", key)?;
        let found: Option<(String, String)> = on!(&mut self.pools.reader().await?, connection => {
            sqlx::query_as("SELECT arguments, result FROM ticket_writes WHERE key = $1")
                .bind(key)
                .fetch_optional(&mut **connection)
                .await
        })?;
        let parsed = found.map(|(arguments, result)| {
            let result = serde_json::from_str(&result)
                .map_err(|error| StoreError::Internal(error.into()))?;
            Ok(RecordedWrite { arguments, result })
        });
        parsed.transpose()
    }

    async fn purge_writes(&self, age: Duration) -> Result<u64> {
        // An age beyond the calendar is older than every write.
        let Some(time) = chrono::TimeDelta::from_std(age)
            .ok()
            .and_then(|age| Utc::now().checked_sub_signed(age))
        else {
            return Ok(0);
        };
        self.pools.begin().await?.purge(time).await
    }

    async fn ping(&self) -> Result<()> {
        let _: i32 = on!(&mut self.pools.reader().await?, connection => {
            sqlx::query_scalar("SELECT 1").fetch_one(&mut **connection).await
        })?;
        Ok(())
    }

    async fn follow(&self, tell: &(dyn Fn(Notice) + Send + Sync)) {
        match &self.pools.0 {
            Driver::Sqlite(_) => {}
            Driver::Postgres(pool) => notices::follow(pool, tell).await,
        }
    }
}
