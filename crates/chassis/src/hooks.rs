//! What a server's owners may add to a call: observe, refuse, annotate. Never more.

use std::{fmt, time::Duration};

use mcp_auth::Principal;
use mcp_errors::{Error, Result};
use rmcp::model::JsonObject;

/// What a hook may know of a call. Arguments and results are not part of it.
#[derive(Clone, Copy, Debug)]
pub struct CallInfo<'a> {
    /// `tools/call`, `resources/read`, `prompts/get` …
    pub method: &'static str,
    /// The tool, prompt or resource template.
    pub target: &'a str,
    /// The verified caller.
    pub principal: &'a Principal,
    /// The id under which logs and audit know the call.
    pub request_id: &'a str,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub struct CallOutcome<'a> {
    /// The failure, if it was one.
    pub error: Option<&'a Error>,
    /// From admission to answer.
    pub duration: Duration,
}

/// An owner's additions to every call of a server.
///
/// Hooks run inside the pipeline, after every guard has admitted the call and before its result is
/// recorded: they can refuse what would be admitted, and cannot admit what is refused, see past a guard,
/// or change their order. A hook that panics before the call refuses it; after the call it only loses its
/// annotations.
pub trait Hooks: fmt::Debug + Send + Sync {
    /// Before the domain's code runs.
    ///
    /// # Errors
    /// An error refuses the call with it.
    fn before(&self, _call: &CallInfo<'_>) -> Result<()> {
        Ok(())
    }

    /// After the domain's code ran: the entries are added to the result's `_meta`. Names that the chassis
    /// writes itself stay as they are.
    fn after(&self, _call: &CallInfo<'_>, _outcome: &CallOutcome<'_>) -> JsonObject {
        JsonObject::new()
    }
}

/// No additions.
#[derive(Clone, Copy, Debug)]
pub struct NoHooks;

impl Hooks for NoHooks {}
