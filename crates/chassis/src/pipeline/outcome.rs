//! How an operation ended, before it is put into protocol terms.

use std::borrow::Cow;

use mcp_errors::{Error, ToolFailure};
use mcp_limits::Freshness;
use mcp_sanitize::Findings;
use rmcp::model::JsonObject;

/// An answer with what the client should know about it.
#[derive(Debug)]
pub(crate) struct Completed<A> {
    pub(crate) answer: A,
    /// Where its text came from; `None` when it is all ours.
    pub(crate) provenance: Option<Provenance>,
    /// `false`: a write without a key; `true`: an earlier result, replayed; `None`: anything else.
    pub(crate) deduplicated: Option<bool>,
    /// Whether it was kept from earlier, where the domain keeps answers.
    pub(crate) freshness: Option<Freshness>,
    /// What the owners' hook adds to `_meta`.
    pub(crate) annotations: JsonObject,
}

/// Where outside text came from and what was found in it.
#[derive(Debug)]
pub(crate) struct Provenance {
    pub(crate) sources: Vec<Cow<'static, str>>,
    pub(crate) findings: Findings,
}

/// A failure under the id by which the operators find its cause.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) request_id: String,
}

impl Failed {
    pub(crate) fn new(error: Error, request_id: &str) -> Self {
        Self { error, request_id: request_id.to_owned() }
    }

    /// What the client may know of it.
    pub(crate) fn told(&self) -> ToolFailure {
        ToolFailure::new(&self.error, &self.request_id)
    }
}
