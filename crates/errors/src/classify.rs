//! The edge where a domain's own errors become ours: the cause is logged here, once.

use std::error::Error as StdError;

use serde_json::Value;

use crate::{Error, ErrorKind};

/// How a domain error decides what the caller may know of it.
///
/// `Display` is what the caller reads, so it never repeats `source()`; that is what the log reads.
pub trait Classify: StdError {
    /// What went wrong, in the terms that a caller can act on.
    fn kind(&self) -> ErrorKind;

    /// Machine-readable details for the caller.
    fn details(&self) -> Option<Value> {
        None
    }
}

impl<E: Classify> From<E> for Error {
    fn from(error: E) -> Self {
        let kind = error.kind();
        if let Some(cause) = error.source() {
            tracing::warn!(code = kind.code(), cause = %Chain(cause), "{error}");
        }
        let classified = Self::new(kind, error.to_string());
        match error.details() {
            Some(details) => classified.with_details(details),
            None => classified,
        }
    }
}

/// Prints an error with its causes on one line.
struct Chain<'a>(&'a (dyn StdError + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
