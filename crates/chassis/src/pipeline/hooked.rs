//! The owners' hooks, kept in their place: a panic before the call refuses it, one after it is only logged.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use mcp_errors::{Error, Result};

use super::{Completed, panics::panic_text};
use crate::{CallInfo, CallOutcome, Hooks};

pub(super) fn before(hooks: &dyn Hooks, info: &CallInfo<'_>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(|| hooks.before(info))).unwrap_or_else(|panic| {
        Err(Error::internal(format!("a hook panicked: {}", panic_text(panic.as_ref()))))
    })
}

pub(super) fn after<A>(
    hooks: &dyn Hooks,
    info: &CallInfo<'_>,
    ended: Result<Completed<A>>,
    duration: Duration,
) -> Result<Completed<A>> {
    let outcome = CallOutcome { error: ended.as_ref().err(), duration };
    let annotations = catch_unwind(AssertUnwindSafe(|| hooks.after(info, &outcome)));
    let annotations = annotations.unwrap_or_else(|panic| {
        tracing::error!(panic = panic_text(panic.as_ref()), "a hook panicked after the call");
        rmcp::model::JsonObject::new()
    });
    ended.map(|completed| Completed { annotations, ..completed })
}
