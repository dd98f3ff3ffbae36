//! The metrics as OTLP instruments, under the names of the conventions.

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter},
};
use prometheus_client::metrics::gauge::Gauge as Kept;

/// What is counted beside the Prometheus registry while metrics are exported.
#[derive(Debug)]
pub(crate) struct Figures {
    operations: Histogram<f64>,
    requests: Histogram<f64>,
    retries: Counter<u64>,
    breakers: Gauge<i64>,
    authentication_failures: Counter<u64>,
    rate_limit_rejections: Counter<u64>,
    schema_errors: Counter<u64>,
    findings: Counter<u64>,
    audit_failures: Counter<u64>,
    replays: Counter<u64>,
    redis_up: Gauge<i64>,
}

impl Figures {
    /// `in_flight` and `queued` are read when metrics are exported.
    pub(crate) fn new(
        meter: &Meter,
        bounds: (&[f64], &[f64]),
        in_flight: Kept,
        queued: Kept,
    ) -> Self {
        let histogram = |name, bounds: &[f64]| {
            meter.f64_histogram(name).with_unit("s").with_boundaries(bounds.to_vec()).build()
        };
        let counter = |name| meter.u64_counter(name).build();
        let now = |name, kept: Kept| {
            let callback = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<i64>| {
                observer.observe(kept.get(), &[]);
            };
            // The meter keeps the callback; the gauge itself is nothing to hold.
            let _gauge = meter.i64_observable_gauge(name).with_callback(callback).build();
        };
        now("mcp.server.in_flight_calls", in_flight);
        now("mcp.server.queue_length", queued);
        Self {
            operations: histogram("mcp.server.operation.duration", bounds.0),
            requests: histogram("http.client.request.duration", bounds.1),
            retries: counter("mcp.server.upstream_retries"),
            breakers: meter.i64_gauge("mcp.server.upstream_breaker_state").build(),
            authentication_failures: counter("mcp.server.authentication_failures"),
            rate_limit_rejections: counter("mcp.server.rate_limit_rejections"),
            schema_errors: counter("mcp.server.schema_validation_errors"),
            findings: counter("mcp.server.sanitizer_findings"),
            audit_failures: counter("mcp.server.audit_write_failures"),
            replays: counter("mcp.server.idempotent_replays"),
            redis_up: meter.i64_gauge("mcp.redis.up").build(),
        }
    }

    pub(crate) fn operation(
        &self,
        method: &'static str,
        tool: Option<&str>,
        failure: Option<&'static str>,
        duration: Duration,
    ) {
        let mut labels = vec![KeyValue::new("mcp.method.name", method)];
        labels.extend(tool.map(|tool| KeyValue::new("gen_ai.tool.name", tool.to_owned())));
        labels.extend(failure.map(|code| KeyValue::new("error.type", code)));
        self.operations.record(duration.as_secs_f64(), &labels);
    }

    pub(crate) fn request(
        &self,
        upstream: &'static str,
        failure: Option<&'static str>,
        took: Duration,
    ) {
        let mut labels = vec![KeyValue::new("peer.service", upstream)];
        labels.extend(failure.map(|code| KeyValue::new("error.type", code)));
        self.requests.record(took.as_secs_f64(), &labels);
    }

    pub(crate) fn retry(&self, upstream: &'static str) {
        self.retries.add(1, &[KeyValue::new("peer.service", upstream)]);
    }

    pub(crate) fn breaker(&self, upstream: &'static str, state: i64) {
        self.breakers.record(state, &[KeyValue::new("peer.service", upstream)]);
    }

    pub(crate) fn authentication_failure(&self, reason: &'static str) {
        self.authentication_failures.add(1, &[KeyValue::new("reason", reason)]);
    }

    pub(crate) fn rate_limit_rejection(&self, guard: &'static str, client: &str) {
        let labels = [KeyValue::new("guard", guard), KeyValue::new("client", client.to_owned())];
        self.rate_limit_rejections.add(1, &labels);
    }

    pub(crate) fn schema_error(&self, tool: &str) {
        self.schema_errors.add(1, &[KeyValue::new("gen_ai.tool.name", tool.to_owned())]);
    }

    pub(crate) fn finding(&self, kind: &'static str) {
        self.findings.add(1, &[KeyValue::new("kind", kind)]);
    }

    pub(crate) fn audit_failures(&self, lines: u64) {
        self.audit_failures.add(lines, &[]);
    }

    pub(crate) fn replay(&self) {
        self.replays.add(1, &[]);
    }

    pub(crate) fn redis_up(&self, is_up: bool) {
        self.redis_up.record(i64::from(is_up), &[]);
    }
}
