//! Structured content, as a value only where one is wanted: most answers are sent as the JSON they were measured as.

use std::fmt;

use mcp_errors::{Error, Result};
use serde_json::Value;

use crate::pipeline::catching_panic;

/// What a tool answered under a schema.
pub(crate) enum Structured {
    /// What can be made a value, and the way to do it.
    Later(Box<dyn FnOnce() -> serde_json::Result<Value> + Send>),
    Value(Value),
}

impl Structured {
    pub(crate) fn later(
        into_value: impl FnOnce() -> serde_json::Result<Value> + Send + 'static,
    ) -> Self {
        Self::Later(Box::new(into_value))
    }

    /// The value that it has been made.
    pub(crate) fn as_value(&self) -> Option<&Value> {
        match self {
            Self::Later(_) => None,
            Self::Value(value) => Some(value),
        }
    }

    pub(crate) fn as_value_mut(&mut self) -> Option<&mut Value> {
        match self {
            Self::Later(_) => None,
            Self::Value(value) => Some(value),
        }
    }

    pub(crate) fn into_value(self) -> Result<Value> {
        match self {
            // What the domain wrote by itself may panic, and this is done outside of the pipeline, too.
            Self::Later(into_value) => catching_panic(|| into_value().map_err(Error::internal)),
            Self::Value(value) => Ok(value),
        }
    }
}

impl fmt::Debug for Structured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(_) => f.write_str("Later"),
            Self::Value(value) => f.debug_tuple("Value").field(value).finish(),
        }
    }
}
