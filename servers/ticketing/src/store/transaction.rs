//! One write: everything in it commits together or not at all.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{Sqlite, types::Json};

use super::{
    NewTicket, Result, StoreError, WriteRecord,
    database::{Driver, on},
    lease::Lease,
    rules::{self, Entry, Stamp},
    sql::{select_tickets, ticket_columns},
};
use crate::models::{Comment, Ticket, TicketId};

/// A transaction that holds what it needs to write.
#[derive(Debug)]
pub(super) struct Transaction(pub(super) Driver<sqlx::Transaction<'static, Sqlite>, Lease>);

impl Transaction {
    /// Takes the key of this write, before anything is read: a repetition must learn that it is one, and
    /// not that the ticket has changed. PostgreSQL makes a concurrent repetition wait here for the first.
    pub(super) async fn claim(&mut self, write: Option<&WriteRecord>) -> Result<()> {
        const SQL: &str = "INSERT INTO ticket_writes (key, arguments, result, created_at) \
            VALUES ($1, $2, '', $3)";
        let Some(write) = write else { return Ok(()) };
        rules::check_text("idempotency_key", &write.key)?;
        on!(&mut self.0, transaction => {
            sqlx::query(SQL)
                .bind(&write.key)
                .bind(&write.arguments)
                .bind(Utc::now())
                .execute(&mut **transaction)
                .await
                .map(drop)
        })
        .map_err(|error| match error.as_database_error() {
            Some(refused) if refused.is_unique_violation() => StoreError::DuplicateWrite,
            _ => error.into(),
        })
    }

    /// The ticket as it stands, which nobody else changes until this transaction ends.
    pub(super) async fn lock(&mut self, id: TicketId) -> Result<Ticket> {
        let sql = match &self.0 {
            // `BEGIN IMMEDIATE` holds the lock of the whole file already.
            Driver::Sqlite(_) => select_tickets!("WHERE number = $1"),
            Driver::Postgres(_) => select_tickets!("WHERE number = $1 FOR UPDATE"),
        };
        let found: Option<Ticket> = on!(&mut self.0, transaction => {
            sqlx::query_as(sql).bind(id.number()).fetch_optional(&mut **transaction).await
        })?;
        found.ok_or(StoreError::NotFound(id))
    }

    /// A new row of `tickets`.
    pub(super) async fn insert(&mut self, ticket: NewTicket, stamp: Stamp<'_>) -> Result<Ticket> {
        const SQL: &str = concat!(
            "INSERT INTO tickets (title, body, status, priority, labels, assignee, version, \
             created_at, created_by, updated_at) \
             VALUES ($1, $2, 'open', $3, $4, $5, 1, $6, $7, $6) RETURNING ",
            ticket_columns!()
        );
        Ok(on!(&mut self.0, transaction => {
            sqlx::query_as(SQL)
                .bind(ticket.title)
                .bind(ticket.body)
                .bind(ticket.priority.as_str())
                .bind(Json(ticket.labels))
                .bind(ticket.assignee)
                .bind(stamp.at)
                .bind(stamp.by)
                .fetch_one(&mut **transaction)
                .await
        })?)
    }

    /// Writes every field of a locked ticket that can change.
    pub(super) async fn save(&mut self, ticket: &Ticket) -> Result<()> {
        const SQL: &str = "UPDATE tickets SET title = $2, body = $3, status = $4, priority = $5, \
            labels = $6, assignee = $7, version = $8, updated_at = $9, closed_by = $10, \
            resolution = $11 WHERE number = $1";
        on!(&mut self.0, transaction => {
            sqlx::query(SQL)
                .bind(ticket.id.number())
                .bind(&ticket.title)
                .bind(&ticket.body)
                .bind(ticket.status.as_str())
                .bind(ticket.priority.as_str())
                .bind(Json(&ticket.labels))
                .bind(&ticket.assignee)
                .bind(ticket.version)
                .bind(ticket.updated_at)
                .bind(&ticket.closed_by)
                .bind(&ticket.resolution)
                .execute(&mut **transaction)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// A new row of `ticket_comments`. The ticket is locked, so that ids follow the order of commits and
    /// a page never misses a comment that was numbered early and committed late.
    pub(super) async fn comment(
        &mut self,
        id: TicketId,
        body: String,
        stamp: Stamp<'_>,
    ) -> Result<Comment> {
        const SQL: &str = "INSERT INTO ticket_comments (ticket, author, body, created_at) \
            VALUES ($1, $2, $3, $4) RETURNING id, author, body, created_at";
        Ok(on!(&mut self.0, transaction => {
            sqlx::query_as(SQL)
                .bind(id.number())
                .bind(stamp.by)
                .bind(body)
                .bind(stamp.at)
                .fetch_one(&mut **transaction)
                .await
        })?)
    }

    /// Marks a locked ticket as changed now, its fields being what they were.
    pub(super) async fn touch(&mut self, id: TicketId, at: DateTime<Utc>) -> Result<()> {
        on!(&mut self.0, transaction => {
            sqlx::query("UPDATE tickets SET updated_at = $2 WHERE number = $1")
                .bind(id.number())
                .bind(at)
                .execute(&mut **transaction)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Adds a line to the history of a ticket.
    pub(super) async fn record(
        &mut self,
        id: TicketId,
        entry: &Entry,
        stamp: Stamp<'_>,
    ) -> Result<()> {
        const SQL: &str = "INSERT INTO ticket_events (ticket, kind, actor, at, changed) \
            VALUES ($1, $2, $3, $4, $5)";
        on!(&mut self.0, transaction => {
            sqlx::query(SQL)
                .bind(id.number())
                .bind(entry.kind.as_str())
                .bind(stamp.by)
                .bind(stamp.at)
                .bind(Json(&entry.changed))
                .execute(&mut **transaction)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Keeps the result under the key that was claimed, and makes everything durable.
    pub(super) async fn commit<T: Serialize>(
        mut self,
        write: Option<&WriteRecord>,
        result: T,
    ) -> Result<T> {
        if let Some(write) = write {
            let json = serde_json::to_string(&result)
                .map_err(|error| StoreError::Internal(error.into()))?;
            on!(&mut self.0, transaction => {
                sqlx::query("UPDATE ticket_writes SET result = $2 WHERE key = $1")
                    .bind(&write.key)
                    .bind(json)
                    .execute(&mut **transaction)
                    .await
                    .map(drop)
            })?;
        }
        on!(self.0, transaction => transaction.commit().await)?;
        Ok(result)
    }

    /// Forgets the keys of writes before `time`.
    pub(super) async fn purge(mut self, time: DateTime<Utc>) -> Result<u64> {
        let gone = on!(&mut self.0, transaction => {
            sqlx::query("DELETE FROM ticket_writes WHERE created_at < $1")
                .bind(time)
                .execute(&mut **transaction)
                .await
                .map(|done| done.rows_affected())
        })?;
        self.commit(None, gone).await
    }
}
