//! The closed list of failures and what each one means on the wire.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};

/// One argument that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// Path of the argument, as the caller wrote it: `labels[2]`, `filters.limit`.
    pub field: String,
    /// What would be accepted: `must be at most 200 characters`. Never the rejected value.
    pub problem: String,
}

impl FieldFault {
    /// A fault of `field` that says what would be accepted.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// What went wrong, in the terms that a caller can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The arguments were refused; nothing was done.
    InvalidInput {
        /// The arguments at fault; empty when no single one is.
        fields: Vec<FieldFault>,
    },
    /// No credential, or one that is not accepted.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden {
        /// Every scope that the operation needs; empty when no scope would help.
        scopes: Vec<String>,
    },
    /// The thing named does not exist, or the caller may not know that it does.
    NotFound,
    /// The thing changed meanwhile, or the same key came with other arguments.
    Conflict,
    /// A quota is used up.
    RateLimited {
        /// When a repetition will be admitted.
        retry_after: Duration,
    },
    /// The server sheds load: the waiting room is full.
    Overloaded {
        /// A sensible pause before the next try.
        retry_after: Duration,
    },
    /// The deadline passed before there was an answer.
    Timeout,
    /// A system behind this server answered with a failure or with nonsense.
    Upstream {
        /// Which system, in words a user knows: `Open-Meteo`.
        service: Cow<'static, str>,
        /// Its HTTP status, where there was one.
        status: Option<u16>,
    },
    /// A system behind this server, or this server, cannot be reached now.
    Unavailable,
    /// The caller went away or withdrew the request.
    Cancelled,
    /// The client has to answer questions first; nothing was done. The protocol carries them in a result of their own.
    InputRequired,
    /// Our own fault; the cause is in the log under the request id.
    Internal,
}

impl ErrorKind {
    /// The code a client reads in `structuredContent.error.code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidInput { .. } => "invalid_input",
            Self::Unauthenticated => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimited { .. } => "rate_limited",
            Self::Overloaded { .. } => "overloaded",
            Self::Timeout => "timeout",
            Self::Upstream { .. } => "upstream_error",
            Self::Unavailable => "unavailable",
            Self::Cancelled => "cancelled",
            Self::InputRequired => "input_required",
            Self::Internal => "internal",
        }
    }

    /// Whether the same call may succeed later without a change.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Overloaded { .. }
                | Self::Timeout
                | Self::Upstream { .. }
                | Self::Unavailable
        )
    }

    /// How long to wait before the next try, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Overloaded { retry_after } => {
                Some(*retry_after)
            }
            _ => None,
        }
    }

    /// The HTTP status, for failures that are reported by the transport (RFC 9110 §15).
    pub fn http_status(&self) -> u16 {
        match self {
            Self::InvalidInput { .. } | Self::InputRequired => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden { .. } => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::RateLimited { .. } => 429,
            Self::Cancelled => 499,
            Self::Internal => 500,
            Self::Upstream { .. } => 502,
            Self::Overloaded { .. } | Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// The machine-readable part of the kind itself.
    pub fn details(&self) -> Option<Value> {
        match self {
            Self::InvalidInput { fields } if !fields.is_empty() => {
                Some(json!({ "fields": fields }))
            }
            Self::Forbidden { scopes } if !scopes.is_empty() => {
                Some(json!({ "required_scopes": scopes }))
            }
            Self::Upstream { service, status } => {
                Some(json!({ "service": service, "status": status }))
            }
            _ => None,
        }
    }
}
