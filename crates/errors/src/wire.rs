//! How a failure looks to a client: in a tool result and in an HTTP body.

use serde::Serialize;
use serde_json::Value;

use crate::Error;

/// `structuredContent.error` of a failed tool call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolFailure {
    /// One of the codes of [`crate::ErrorKind::code`].
    pub code: &'static str,
    /// One or two plain sentences that say what to do next.
    pub message: String,
    /// Whether the same call may succeed later without a change.
    pub retryable: bool,
    /// How long to wait before the next try, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The id to quote to the operators; the log has the cause under it.
    pub request_id: String,
    /// What a program can act on: fields at fault, scopes needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl ToolFailure {
    /// What the caller may know of `error`.
    pub fn new(error: &Error, request_id: &str) -> Self {
        let kind = error.kind();
        let wait =
            kind.retry_after().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self {
            code: kind.code(),
            message: error.message().to_owned(),
            retryable: kind.retryable(),
            // Zero would invite a busy loop.
            retry_after_ms: wait.map(|ms| ms.max(1)),
            request_id: request_id.to_owned(),
            details: error.details(),
        }
    }
}

/// The body of an HTTP refusal, in the shape of RFC 6750 §3.1 and RFC 6749 §5.2.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HttpFault {
    /// `unauthorized`, `invalid_token`, `insufficient_scope`, `rate_limit_exceeded`, `invalid_request`,
    /// `overloaded` or `internal`.
    pub error: &'static str,
    /// What happened and what to do, in plain words.
    pub error_description: String,
    /// The id to quote to the operators.
    pub request_id: String,
    /// Seconds to wait, with `rate_limit_exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use crate::{Error, ErrorKind, ToolFailure};

    #[test]
    fn a_failure_names_the_field_and_keeps_the_cause_inside() {
        let error = Error::invalid("title", "must be 1 to 200 characters")
            .with_source("password=hunter2".to_owned());
        let failure = ToolFailure::new(&error, "r-1");
        assert_eq!(
            serde_json::to_value(&failure).unwrap(),
            json!({
                "code": "invalid_input",
                "message": "`title` must be 1 to 200 characters",
                "retryable": false,
                "request_id": "r-1",
                "details": { "fields": [{ "field": "title", "problem": "must be 1 to 200 characters" }] },
            })
        );
    }

    #[test]
    fn a_wait_is_never_reported_as_zero() {
        let failure = ToolFailure::new(&Error::rate_limited(Duration::from_micros(10)), "r-1");
        assert_eq!(failure.retry_after_ms, Some(1));
        assert!(failure.retryable);
    }

    #[test]
    fn own_details_are_laid_over_those_of_the_kind() {
        let kind = ErrorKind::Upstream { service: "GitHub".into(), status: Some(502) };
        let error = Error::new(kind, "GitHub failed").with_details(json!({ "part": "files" }));
        assert_eq!(
            error.details(),
            Some(json!({ "service": "GitHub", "status": 502, "part": "files" }))
        );
    }
}
