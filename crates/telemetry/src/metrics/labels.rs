//! Label sets, and the bound on names that come from outside.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use prometheus_client::encoding::EncodeLabelSet;

use super::{OTHER, clip};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOperation {
    pub(super) mcp_method_name: &'static str,
    pub(super) gen_ai_tool_name: Option<Arc<str>>,
    pub(super) error_type: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByReason {
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByResult {
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByGuard {
    pub(super) guard: &'static str,
    pub(super) client: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByTool {
    pub(super) gen_ai_tool_name: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByKind {
    pub(super) kind: &'static str,
}

/// A bounded set of names that may become label values.
pub(super) struct Names {
    known: RwLock<HashSet<Arc<str>>>,
    other: Arc<str>,
    limit: usize,
}

impl Names {
    pub(super) fn new(limit: usize) -> Self {
        Self { known: RwLock::default(), other: OTHER.into(), limit }
    }

    /// The name's label, or `_OTHER` for a name that was not admitted.
    pub(super) fn known(&self, name: &str) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(clip(name, 128)).unwrap_or(&self.other).clone()
    }

    /// The name's label; a new name gets one while there is room.
    pub(super) fn admit(&self, name: &str) -> Arc<str> {
        let name = clip(name, 128);
        let (label, full) = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            (known.get(name).cloned(), known.len() >= self.limit)
        };
        match label {
            Some(label) => label,
            None if full => self.other.clone(),
            None => self.insert(name),
        }
    }

    fn insert(&self, name: &str) -> Arc<str> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have taken the last place since the look.
        if known.len() >= self.limit && !known.contains(name) {
            return self.other.clone();
        }
        let label: Arc<str> = name.into();
        known.insert(label.clone());
        label
    }
}
