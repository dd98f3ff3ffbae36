//! What a tool may know about the call it serves.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use mcp_auth::Principal;
use mcp_limits::{ArgumentsHash, Freshness, WriteKey};

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
    ends_at: Instant,
    changes: Mutex<Vec<Change>>,
    freshness: Mutex<Option<Freshness>>,
    sources: Mutex<Vec<String>>,
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
    /// A call that is cut off after `deadline`.
    pub(crate) fn new(
        principal: Principal,
        request_id: String,
        write: Option<Write>,
        deadline: Duration,
    ) -> Self {
        let ends_at = Instant::now() + deadline;
        let (changes, freshness, sources) = Default::default();
        let inner = Inner { principal, request_id, write, ends_at, changes, freshness, sources };
        Self { inner: Arc::new(inner) }
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

    /// How long the call may still take before it is cut off.
    pub fn remaining(&self) -> Duration {
        self.inner.ends_at.saturating_duration_since(Instant::now())
    }

    /// Tells the client whether the answer was kept from earlier; the last word counts.
    pub fn cached(&self, freshness: Freshness) {
        *self.inner.freshness.lock().unwrap_or_else(PoisonError::into_inner) = Some(freshness);
    }

    pub(crate) fn freshness(&self) -> Option<Freshness> {
        *self.inner.freshness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whence the outside text of this answer is, more exactly than the specification can: `github:octo/repo#12`.
    pub fn source(&self, label: impl Into<String>) {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).push(label.into());
    }

    pub(crate) fn take_sources(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner))
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
