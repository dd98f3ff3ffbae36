//! What can go wrong between a statement and its rows, and what of it a model may know.

use std::error::Error as StdError;

use mcp_chassis::{Classify, ErrorKind};
use mcp_errors::FieldFault;
use serde_json::{Value, json};

use crate::{
    guard::{Place, Refusal},
    wire::{ServerError, WireError},
};

/// A statement that gave no rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// A guard refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// PostgreSQL refused it.
    #[error("{}{}", .0.message, place(.0))]
    Database(ServerError),
    /// An argument that cannot be used.
    #[error("{0}")]
    Argument(mcp_chassis::Error),
    /// All connections are in use.
    #[error("every database connection is busy, try again in some seconds")]
    Busy,
    /// The database cannot be reached, or went away; the same call may succeed later.
    #[error("the database does not answer, try again in some seconds")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// What came is no answer to a question of our own: bytes were changed on the way, or what sends them is no PostgreSQL.
    #[error("the database's answer could not be read, try again in some seconds")]
    Garbled(#[source] serde_json::Error),
    /// Our own fault.
    #[error("the database could not be read, quote the request id to its operators")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl QueryError {
    /// Counts positions in the user's text, which stands behind `prefix`.
    #[must_use]
    pub(crate) fn behind(mut self, prefix: &str) -> Self {
        if let Self::Database(ServerError { position, .. }) = &mut self {
            *position = position.and_then(|at| at.checked_sub(prefix.len())).filter(|at| *at > 0);
        }
        self
    }
}

fn place(error: &ServerError) -> Place<'_> {
    let hint = error.hint.as_deref().unwrap_or_default();
    Place { sqlstate: &error.sqlstate, position: error.position, hint }
}

impl From<WireError> for QueryError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Server(error) => Self::Database(error),
            error => Self::Unavailable(error.into()),
        }
    }
}

/// A message of PostgreSQL's that is no row and has no end in sight, such as an error that repeats a huge value.
pub(super) fn too_long() -> ServerError {
    ServerError {
        sqlstate: "54000".to_owned(),
        message: "the database's answer is an error of more than 1 MB".to_owned(),
        hint: Some("cut long values with left() first".to_owned()),
        position: None,
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
            Self::Unavailable(_) | Self::Garbled(_) => ErrorKind::Unavailable,
            Self::Internal(_) => ErrorKind::Internal,
            Self::Database(ServerError { sqlstate, message, .. }) => match sqlstate.as_str() {
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
            Self::Database(ServerError { sqlstate, hint, position, .. }) => {
                Some(json!({ "sqlstate": sqlstate, "hint": hint, "position": position }))
            }
            _ => None,
        }
    }
}
