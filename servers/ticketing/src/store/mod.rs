//! Where tickets live: one trait for the tools, kept by SQLite or PostgreSQL.

mod database;
mod error;
mod lease;
mod notices;
mod page;
mod postgres;
mod rules;
mod sql;
mod sqlite;
#[cfg(test)]
mod suite;
mod traced;
mod transaction;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use self::traced::Traced;
pub(crate) use self::{
    error::StoreError,
    notices::Notice,
    page::{Page, PageRequest},
};
use crate::models::{ActiveStatus, Comment, Event, Priority, Status, Ticket, TicketId};

/// The result of every operation on the store.
pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Keeps tickets, their comments and their history, and the record of writes that came with a key.
///
/// - A write is acknowledged when it is durable, and not before. A failure while it is committed leaves
///   open whether it happened: the same call with the same key finds out.
/// - `by` is the verified principal; the time is the store's.
/// - A write with a [`WriteRecord`] commits the record together with what it wrote. When the key was used
///   already nothing is written and the failure is [`StoreError::DuplicateWrite`], whatever else would
///   have been wrong: see [`TicketStore::find_write`].
/// - Pages are walked by keyset: an item is seen once and in order, whatever is written meanwhile.
#[async_trait]
pub(crate) trait TicketStore: Debug + Send + Sync {
    /// The tickets in which every word of `query.text` occurs, newest first.
    ///
    /// All words stand in the ticket's title and body, or in one comment. A word of three letters or more
    /// finds those that begin with it. Not ordered by relevance: a rank changes with every ticket that is
    /// written, and pages would repeat or lose items.
    async fn search(&self, query: &SearchQuery, page: &PageRequest) -> Result<Page<Ticket>>;

    /// One ticket, and its comments from the oldest.
    async fn get(&self, id: TicketId, comments: &PageRequest) -> Result<(Ticket, Page<Comment>)>;

    /// What happened to one ticket, from the oldest.
    async fn history(&self, id: TicketId, page: &PageRequest) -> Result<Page<Event>>;

    /// All tickets, newest first.
    async fn newest(&self, page: &PageRequest) -> Result<Page<Ticket>>;

    /// The newest ids that begin with `prefix` (`T-1`; `1` will do), for completion.
    async fn recent_ids(&self, prefix: &str, limit: u32) -> Result<Vec<TicketId>>;

    /// Opens a ticket.
    async fn create(
        &self,
        ticket: NewTicket,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket>;

    /// Changes fields of a ticket that is not closed and still at `patch.expected_version`.
    ///
    /// A patch that changes nothing leaves the version as it is.
    async fn update(
        &self,
        id: TicketId,
        patch: Patch,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket>;

    /// Adds a comment, also to a closed ticket. The ticket's version stays: its fields did not change.
    async fn add_comment(
        &self,
        id: TicketId,
        body: String,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Comment>;

    /// Closes a ticket for good.
    async fn close(
        &self,
        id: TicketId,
        resolution: String,
        by: &str,
        write: Option<&WriteRecord>,
    ) -> Result<Ticket>;

    /// What was written under `key`, if it was.
    async fn find_write(&self, key: &str) -> Result<Option<RecordedWrite>>;

    /// Forgets the keys of writes older than `age` and says how many there were.
    async fn purge_writes(&self, age: Duration) -> Result<u64>;

    /// Whether the database answers now.
    async fn ping(&self) -> Result<()>;

    /// Tells what other replicas write, for as long as it is polled. It ends at once where there are none.
    async fn follow(&self, tell: &(dyn Fn(Notice) + Send + Sync));
}

/// What to search for.
#[derive(Clone, Debug)]
pub(crate) struct SearchQuery {
    /// Words; never a query language. Without a word in it nothing is found.
    pub(crate) text: String,
    /// Only tickets in this state.
    pub(crate) status: Option<Status>,
    /// Only tickets of this priority.
    pub(crate) priority: Option<Priority>,
    /// Only tickets of exactly this assignee.
    pub(crate) assignee: Option<String>,
}

/// What a caller says of a ticket that it opens.
#[derive(Clone, Debug)]
pub(crate) struct NewTicket {
    /// One line that says what it is about.
    pub(crate) title: String,
    /// The full description.
    pub(crate) body: String,
    /// How urgent it is.
    pub(crate) priority: Priority,
    /// Free labels.
    pub(crate) labels: Vec<String>,
    /// Who works on it.
    pub(crate) assignee: Option<String>,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    /// The version that the caller read.
    pub(crate) expected_version: i64,
    /// The new title.
    pub(crate) title: Option<String>,
    /// The new description.
    pub(crate) body: Option<String>,
    /// The new state.
    pub(crate) status: Option<ActiveStatus>,
    /// The new priority.
    pub(crate) priority: Option<Priority>,
    /// The new assignee; the empty text means nobody.
    pub(crate) assignee: Option<String>,
    /// All labels from now on.
    pub(crate) labels: Option<Vec<String>>,
}

/// What is remembered of a write so that its repetition is not a second one.
#[derive(Clone, Debug)]
pub(crate) struct WriteRecord {
    /// Unique to principal, tool and the caller's own key.
    pub(crate) key: String,
    /// A hash of the arguments: the same key with others is the caller's mistake.
    pub(crate) arguments: String,
}

/// A write that was done under a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordedWrite {
    /// The hash of its arguments.
    pub(crate) arguments: String,
    /// The ticket or comment that it returned.
    pub(crate) result: serde_json::Value,
}

/// Opens the store that `url` names and brings its tables up to date.
///
/// `sqlite:FILE` (created when missing), `sqlite::memory:` or `postgres://…`.
///
/// # Errors
///
/// [`StoreError::Invalid`] when the URL is none of these, [`StoreError::Unavailable`] when the database
/// does not answer, [`StoreError::Schema`] when another version of this server made its tables. None
/// of them repeats the URL.
pub(crate) async fn open(url: &SecretString) -> Result<Arc<dyn TicketStore>> {
    let url = url.expose_secret();
    let (system, pools) = match url.split_once(':') {
        Some(("sqlite", _)) => ("sqlite", sqlite::open(url).await?),
        Some(("postgres" | "postgresql", _)) => ("postgresql", postgres::open(url).await?),
        _ => {
            return Err(StoreError::url(
                "must be `sqlite:FILE`, `sqlite::memory:` or `postgres://…`",
            ));
        }
    };
    Ok(Arc::new(Traced { store: sql::SqlStore::new(pools), system }))
}
