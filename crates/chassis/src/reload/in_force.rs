//! A value that is read on every call and replaced by a reload.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;

/// What is in force; clones are one and the same. Whoever takes the value keeps it for as long as the work lasts, and
/// waits for nobody.
pub(crate) struct InForce<T>(Arc<ArcSwap<T>>);

impl<T> InForce<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// The value as of now.
    pub(crate) fn now(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Puts another value in force and returns the one before.
    pub(crate) fn replace(&self, value: T) -> Arc<T> {
        self.0.swap(Arc::new(value))
    }
}

impl<T> Clone for InForce<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for InForce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InForce").field(&self.now()).finish()
    }
}
