//! How the systems behind a server do: requests, repetitions, circuit breakers.

use std::{sync::Arc, time::Duration};

use super::Exported;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Upper bounds in seconds, as the OpenTelemetry conventions for HTTP clients give them.
pub(super) const BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByUpstream {
    upstream: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    upstream: &'static str,
    error_type: Option<&'static str>,
}

/// The families of all upstreams.
pub(super) struct Upstreams {
    /// Without our prefix: the name is OpenTelemetry's.
    registry: Registry,
    requests: Family<ByOutcome, Histogram, fn() -> Histogram>,
    retries: Family<ByUpstream, Counter>,
    breakers: Family<ByUpstream, Gauge>,
    exported: Exported,
}

impl Upstreams {
    pub(super) fn new(exported: Exported) -> Self {
        let requests: Family<_, _, fn() -> _> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let mut registry = Registry::default();
        registry.register_with_unit(
            "http_client_request_duration",
            "From sending a request to an upstream to its answer, each attempt by itself",
            Unit::Seconds,
            requests.clone(),
        );
        let (retries, breakers) = Default::default();
        Self { registry, requests, retries, breakers, exported }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "upstream_retries",
            "Requests to an upstream that were made again",
            self.retries.clone(),
        );
        registry.register(
            "upstream_breaker_state",
            "Whether calls pass to an upstream: 0 closed, 1 half open, 2 open",
            self.breakers.clone(),
        );
    }

    pub(super) fn of(&self, upstream: &'static str) -> UpstreamMetrics {
        let labels = ByUpstream { upstream };
        UpstreamMetrics {
            upstream,
            requests: self.requests.clone(),
            retries: self.retries.get_or_create_owned(&labels),
            breaker: self.breakers.get_or_create_owned(&labels),
            exported: Arc::clone(&self.exported),
        }
    }
}

/// Records how one upstream does.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics {
    upstream: &'static str,
    requests: Family<ByOutcome, Histogram, fn() -> Histogram>,
    retries: Counter,
    breaker: Gauge,
    exported: Exported,
}

impl UpstreamMetrics {
    /// Records one request; `failure` is the code of its error, where it failed.
    pub fn requested(&self, failure: Option<&'static str>, took: Duration) {
        let labels = ByOutcome { upstream: self.upstream, error_type: failure };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
        if let Some(exported) = self.exported.get() {
            exported.request(self.upstream, failure, took);
        }
    }

    /// Counts a request that is made again.
    pub fn retried(&self) {
        self.retries.inc();
        if let Some(exported) = self.exported.get() {
            exported.retry(self.upstream);
        }
    }

    /// Shows the circuit breaker's state: 0 closed, 1 half open, 2 open.
    pub fn breaker(&self, state: i64) {
        self.breaker.set(state);
        if let Some(exported) = self.exported.get() {
            exported.breaker(self.upstream, state);
        }
    }
}
