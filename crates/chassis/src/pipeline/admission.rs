//! Scopes, and the key that makes a write repeatable.

use mcp_errors::{Error, Result};
use mcp_limits::{ArgumentsHash, IDEMPOTENCY_KEY, WriteKey};
use serde_json::Value;

use super::Operation;
use crate::{Policy, Write, caller::Caller, config::IdempotencyMode};

/// Refuses a caller who lacks a scope, and tells the edge which ones to ask for.
pub(super) fn authorize(caller: &Caller, policy: &Policy) -> Result<()> {
    if caller.principal.scopes().contains_all(policy.scopes.iter().copied()) {
        return Ok(());
    }
    if let Some(slot) = &caller.missing_scopes {
        slot.fill(policy.scopes);
    }
    Err(Error::missing_scopes(policy.scopes.iter().copied()))
}

/// Takes the key out of a write's arguments.
pub(super) fn take_write_key<S, A>(
    mode: IdempotencyMode,
    caller: &Caller,
    operation: &mut Operation<'_, S, A>,
) -> Result<Option<Write>> {
    if !operation.effect.writes() {
        return Ok(None);
    }
    let key = match operation.arguments.remove(IDEMPOTENCY_KEY) {
        Some(Value::String(key)) => key,
        None | Some(Value::Null) if mode == IdempotencyMode::Optional => return Ok(None),
        None | Some(Value::Null) => {
            return Err(Error::invalid(IDEMPOTENCY_KEY, "is required for writes here"));
        }
        Some(_) => return Err(Error::invalid(IDEMPOTENCY_KEY, "must be a string")),
    };
    let key = WriteKey::new(caller.principal.key(), operation.target, &key)?;
    let arguments = ArgumentsHash::of(&operation.arguments)?;
    Ok(Some(Write { key, arguments }))
}
