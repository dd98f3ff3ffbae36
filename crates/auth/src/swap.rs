//! A value that is read on every call and replaced by a reload.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Readers take a snapshot and wait for nobody.
#[derive(Debug, Default)]
pub(crate) struct Swap<T>(ArcSwap<T>);

impl<T> Swap<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ArcSwap::from_pointee(value))
    }

    /// The value as of now.
    pub(crate) fn load(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Replaces the value for every later reader.
    pub(crate) fn store(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}
