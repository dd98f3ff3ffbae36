//! What can go wrong in the store, and what of it a caller may know.

use std::error::Error as StdError;

use mcp_errors::{Classify, ErrorKind, FieldFault};
use serde_json::{Value, json};
use sqlx::{error::DatabaseError, migrate::MigrateError, sqlite::SqliteError};

use crate::models::TicketId;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// No such ticket.
    #[error("there is no ticket `{0}`: search for it first")]
    NotFound(TicketId),
    /// Somebody else changed the ticket meanwhile.
    #[error(
        "ticket `{id}` is at version {current}, not {expected}: \
         read it again and repeat the change with `expected_version` {current}"
    )]
    Version {
        /// The ticket.
        id: TicketId,
        /// The version that the caller had read.
        expected: i64,
        /// The version now.
        current: i64,
    },
    /// A closed ticket stays as it is.
    #[error("ticket `{0}` is closed and stays so: open a new ticket that refers to it")]
    Closed(TicketId),
    /// The idempotency key was used already; nothing was written.
    #[error("a write with this `idempotency_key` was done already")]
    DuplicateWrite,
    /// An argument, or `DATABASE_URL`, that cannot be used.
    #[error("`{field}` {problem}")]
    Invalid {
        /// Its name.
        field: &'static str,
        /// What would be accepted.
        problem: &'static str,
    },
    /// The database cannot be reached, is full or is too slow; the same call may succeed later.
    #[error("the ticket database does not answer, try again in some seconds")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The database does not let this server in.
    #[error("the ticket database refuses this server's role or its password")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
    /// The tables are not those of this version.
    #[error(
        "the ticket database was made by another version of this server, use that or a newer one"
    )]
    Schema(#[source] MigrateError),
    /// Our own fault.
    #[error("the ticket store failed, quote the request id to its operators")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl StoreError {
    /// `DATABASE_URL` cannot be used. The problem never holds any of its value.
    pub(super) fn url(problem: &'static str) -> Self {
        Self::Invalid { field: "DATABASE_URL", problem }
    }
}

impl Classify for StoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Version { .. } | Self::Closed(_) | Self::DuplicateWrite => ErrorKind::Conflict,
            Self::Invalid { field, problem } => {
                ErrorKind::InvalidInput { fields: vec![FieldFault::new(*field, *problem)] }
            }
            Self::Unavailable(_) | Self::Refused(_) => ErrorKind::Unavailable,
            Self::Schema(_) | Self::Internal(_) => ErrorKind::Internal,
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::Version { current, .. } => Some(json!({ "current_version": current })),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(refused) = &error
            && is_refusal(refused.as_ref())
        {
            return Self::Refused(error.into());
        }
        let passing = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            // What arrived makes no sense: something on the way changed it, and another connection may fare better.
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(error) => is_passing(error.as_ref()),
            _ => false,
        };
        if passing { Self::Unavailable(error.into()) } else { Self::Internal(error.into()) }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Schema(other),
        }
    }
}

/// Whether PostgreSQL refused to let us in (class 28, invalid authorization).
pub(super) fn is_refusal(error: &dyn DatabaseError) -> bool {
    let is_postgres = error.try_downcast_ref::<SqliteError>().is_none();
    is_postgres && error.code().is_some_and(|code| code.starts_with("28"))
}

/// Whether the database refused for a reason that passes without a change of ours.
///
/// PostgreSQL speaks in five characters of which the first two are the class: 08 connection, 40
/// rollback, 53 resources, 55 not in the right state (a lock timeout), 57 operator (shutdown, statement
/// timeout), 58 system. SQLite speaks in numbers of which the low byte is the class: 5 busy, 6 locked,
/// 8 read-only, 10 disk I/O, 13 full, 14 cannot open. See <https://www.postgresql.org/docs/current/errcodes-appendix.html> and
/// <https://sqlite.org/rescode.html>.
fn is_passing(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        let class = code.parse::<u32>().map(|code| code & 0xff);
        return matches!(class, Ok(5 | 6 | 8 | 10 | 13 | 14));
    }
    matches!(code.get(..2), Some("08" | "40" | "53" | "55" | "57" | "58"))
}
