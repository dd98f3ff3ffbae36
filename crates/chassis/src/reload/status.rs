//! Whether everything in force is what the files say.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mcp_telemetry::metrics::Metrics;

use crate::{Check, app::RELOAD_CHECK};

/// What is broken, and since when it has been told; clones are the same status.
#[derive(Clone, Debug)]
pub(crate) struct ReloadStatus(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: Metrics,
    /// The parts whose last good form stays, and what is wrong with the new one.
    broken: Mutex<BTreeMap<String, String>>,
}

impl ReloadStatus {
    /// Nothing is broken.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self(Arc::new(Inner { metrics, broken: Mutex::default() }))
    }

    /// Keeps account of what came of a reload. The same problem is told once.
    pub(super) fn told(&self, part: &str, outcome: Result<(), String>) {
        let mut broken = self.broken();
        let is_in_force = outcome.is_ok();
        match outcome {
            Ok(()) => {
                if broken.remove(part).is_some() {
                    tracing::info!(part, "mended");
                }
            }
            Err(problem) if broken.get(part) == Some(&problem) => return,
            Err(problem) => {
                tracing::error!(part, problem, "not usable, the last good one stays");
                broken.insert(part.to_owned(), problem);
            }
        }
        self.0.metrics.config_reload(is_in_force, broken.is_empty());
    }

    pub(super) fn is_broken(&self, part: &str) -> bool {
        self.broken().contains_key(part)
    }

    /// For `/health`: what is broken, by name.
    pub(crate) fn check(&self) -> Check {
        let broken = self.broken();
        let parts: Vec<_> = broken.keys().map(String::as_str).collect();
        let problem = (!parts.is_empty()).then(|| {
            format!("the last good one stays of {}, the log says what is wrong", parts.join(", "))
        });
        Check { name: RELOAD_CHECK, problem, warning: None, latency: Duration::ZERO }
    }

    fn broken(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
