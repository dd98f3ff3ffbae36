//! The figures that are kept of upstreams: the kit tells, the metrics keep.

use std::{sync::Arc, time::Duration};

use mcp_limits::{BreakerState, UpstreamObserver};
use mcp_telemetry::{
    metrics::{Metrics, UpstreamMetrics},
    otlp,
};

/// Keeps what is told of one upstream.
#[derive(Debug)]
struct Watch(UpstreamMetrics);

/// Who keeps the figures of the upstream `name`.
pub(crate) fn watch(metrics: &Metrics, name: &'static str) -> Arc<dyn UpstreamObserver> {
    Arc::new(Watch(metrics.upstream(name)))
}

impl UpstreamObserver for Watch {
    fn requested(&self, failure: Option<&'static str>, took: Duration) {
        self.0.requested(failure, took);
    }

    fn retried(&self) {
        self.0.retried();
    }

    fn breaker(&self, state: BreakerState) {
        self.0.breaker(match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        });
    }

    fn traceparent(&self) -> Option<String> {
        otlp::traceparent()
    }
}
