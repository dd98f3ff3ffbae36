//! What a tool may know about the call it serves.

use std::sync::{Arc, Mutex, PoisonError};

use mcp_auth::Principal;
use mcp_limits::{ArgumentsHash, WriteKey};

use crate::changes::Change;

/// One call: who makes it, under which id, and what it changed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallContext {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    principal: Principal,
    request_id: String,
    write: Option<Write>,
    changes: Mutex<Vec<Change>>,
}

/// The identity of a keyed write: a store that records it in the transaction of the write makes the write
/// happen exactly once.
#[derive(Clone, Debug)]
pub struct Write {
    /// Principal, tool and the caller's key in one.
    pub key: WriteKey,
    /// The arguments, so that the same key with others is a conflict.
    pub arguments: ArgumentsHash,
}

impl CallContext {
    pub(crate) fn new(principal: Principal, request_id: String, write: Option<Write>) -> Self {
        let changes = Mutex::default();
        Self { inner: Arc::new(Inner { principal, request_id, write, changes }) }
    }

    /// The verified caller.
    pub fn principal(&self) -> &Principal {
        &self.inner.principal
    }

    /// The id under which logs, audit and the client know this call.
    pub fn request_id(&self) -> &str {
        &self.inner.request_id
    }

    /// The identity of this write, when the caller gave an `idempotency_key`.
    pub fn write(&self) -> Option<&Write> {
        self.inner.write.as_ref()
    }

    /// Tells subscribers of `uri`, once the call has succeeded.
    pub fn resource_changed(&self, uri: impl Into<String>) {
        self.push(Change::Updated(uri.into()));
    }

    /// Tells subscribers that resources came or went, once the call has succeeded.
    pub fn resource_list_changed(&self) {
        self.push(Change::ListChanged);
    }

    fn push(&self, change: Change) {
        self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }

    pub(crate) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
