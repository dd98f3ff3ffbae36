//! What can go wrong between a statement and its rows, and what of it a model may know.

use std::error::Error as StdError;

use mcp_chassis::{Classify, ErrorKind};
use mcp_errors::FieldFault;
use serde_json::{Value, json};
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use crate::guard::{Place, Refusal};

/// A statement that gave no rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// A guard refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// PostgreSQL refused it. Its `DETAIL` and `CONTEXT`, which may hold other rows, are left out.
    #[error("{message}{}", Place {
        sqlstate,
        position: *position,
        hint: hint.as_deref().unwrap_or_default(),
    })]
    Database {
        /// The five characters of Appendix A.
        sqlstate: String,
        message: String,
        hint: Option<String>,
        /// Character of the statement, from 1.
        position: Option<usize>,
    },
    /// An argument that cannot be used.
    #[error("{0}")]
    Argument(mcp_chassis::Error),
    /// All connections are in use.
    #[error("every database connection is busy, try again in some seconds")]
    Busy,
    /// The database cannot be reached, or went away; the same call may succeed later.
    #[error("the database does not answer, try again in some seconds")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// Our own fault.
    #[error("the database could not be read, quote the request id to its operators")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl QueryError {
    /// Counts positions in the user's text, which stands behind `prefix`.
    #[must_use]
    pub(crate) fn behind(mut self, prefix: &str) -> Self {
        if let Self::Database { position, .. } = &mut self {
            *position = position.and_then(|at| at.checked_sub(prefix.len())).filter(|at| *at > 0);
        }
        self
    }

    /// Whether the connection broke, so that another one may do better.
    pub(super) fn is_broken_connection(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Database { sqlstate, .. } => is_going_away(sqlstate),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for QueryError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => match error.try_downcast::<PgDatabaseError>() {
                Ok(error) => Self::from(*error),
                Err(error) => Self::Internal(error.to_string().into()),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.into()),
            error => Self::Internal(error.into()),
        }
    }
}

impl From<PgDatabaseError> for QueryError {
    fn from(error: PgDatabaseError) -> Self {
        let position = match error.position() {
            Some(PgErrorPosition::Original(position)) => Some(position),
            _ => None,
        };
        let (message, hint) = (error.message().to_owned(), error.hint().map(str::to_owned));
        Self::Database { sqlstate: error.code().to_owned(), message, hint, position }
    }
}

/// Classes 08 connection and 53 resources; 57P administrator's shutdown (Appendix A).
fn is_going_away(sqlstate: &str) -> bool {
    matches!(sqlstate.get(..2), Some("08" | "53")) || sqlstate.starts_with("57P")
}

impl Classify for QueryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(refusal) => refusal.kind(),
            Self::Argument(error) => error.kind().clone(),
            Self::Busy => ErrorKind::Overloaded { retry_after: std::time::Duration::from_secs(1) },
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Internal(_) => ErrorKind::Internal,
            Self::Database { sqlstate, message, .. } => match sqlstate.as_str() {
                // query_canceled and lock_not_available: a timeout of ours.
                "57014" | "55P03" => ErrorKind::Timeout,
                // insufficient_privilege and read_only_sql_transaction.
                "42501" | "25006" => ErrorKind::Forbidden { scopes: Vec::new() },
                code if is_going_away(code) => ErrorKind::Unavailable,
                _ => ErrorKind::InvalidInput {
                    fields: vec![FieldFault::new("sql", message.as_str())],
                },
            },
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::Refused(refusal) => refusal.details(),
            Self::Argument(error) => error.details(),
            Self::Database { sqlstate, hint, position, .. } => {
                Some(json!({ "sqlstate": sqlstate, "hint": hint, "position": position }))
            }
            _ => None,
        }
    }
}
