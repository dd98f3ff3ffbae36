//! Counters, gauges and the duration histogram, rendered for Prometheus.

mod labels;
mod late;
mod upstream;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use opentelemetry::metrics::Meter;
use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

pub use self::upstream::UpstreamMetrics;
use self::{
    labels::{ByGuard, ByKind, ByOperation, ByReason, ByResult, ByTool, Names},
    late::Late,
};
use crate::{
    operation::{OTHER, clip, known_method},
    otlp::Figures,
};

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds, as the OpenTelemetry conventions for MCP give them.
const BUCKETS: [f64; 14] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Clients with a label of their own. The first ones seen keep it: a label that moved to a busier client
/// would make both series go backwards.
const CLIENTS: usize = 50;

/// How a reload ends: what was read is in force, or what was in force stays.
const RELOADED: &str = "ok";
const KEPT: &str = "failed";

/// Tools with a label of their own; a server has tens, so this only stops a mistake.
const TOOLS: usize = 1000;

/// The metrics of one server; clones share the same values.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    tools: Names,
    clients: Names,
    operations: Family<ByOperation, Histogram, fn() -> Histogram>,
    authentication_failures: Family<ByReason, Counter>,
    rate_limit_rejections: Family<ByGuard, Counter>,
    schema_errors: Family<ByTool, Counter>,
    findings: Family<ByKind, Counter>,
    audit_failures: Counter,
    refusals_suppressed: Counter,
    replays: Counter,
    config_reloads: Family<ByResult, Counter>,
    config_last_reload_ok: Gauge,
    redis_up: Late,
    redis_mode_changes: Counter,
    in_flight: Gauge,
    queued: Gauge,
    tasks: Gauge,
    upstreams: upstream::Upstreams,
    /// The same for a collector, where there is one.
    exported: Exported,
}

/// Set once the export runs.
pub(crate) type Exported = Arc<OnceLock<Figures>>;

impl Metrics {
    /// The metrics of `service`, all at zero.
    pub fn new(service: &str, version: &str) -> Self {
        let build = Info::new([
            ("service", clip(service, 128).to_owned()),
            ("version", clip(version, 128).to_owned()),
        ]);
        let exported = Exported::default();
        let mut inner = Inner {
            registry: Registry::with_prefix("mcp"),
            tools: Names::new(TOOLS),
            clients: Names::new(CLIENTS),
            operations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            authentication_failures: Family::default(),
            rate_limit_rejections: Family::default(),
            schema_errors: Family::default(),
            findings: Family::default(),
            audit_failures: Counter::default(),
            refusals_suppressed: Counter::default(),
            replays: Counter::default(),
            config_reloads: Family::default(),
            config_last_reload_ok: Gauge::default(),
            redis_up: Late::default(),
            redis_mode_changes: Counter::default(),
            in_flight: Gauge::default(),
            queued: Gauge::default(),
            tasks: Gauge::default(),
            upstreams: upstream::Upstreams::new(Arc::clone(&exported)),
            exported,
        };
        inner.register(build);
        // What a server starts with has been read.
        inner.config_last_reload_ok.set(1);
        for result in [RELOADED, KEPT] {
            drop(inner.config_reloads.get_or_create(&ByResult { result }));
        }
        Self(Arc::new(inner))
    }

    /// Gives a tool a label of its own. Names that were never registered are counted as `_OTHER`.
    pub fn register_tool(&self, name: &str) {
        self.0.tools.admit(name);
    }

    /// The series of one method and tool, to be kept where calls are routed.
    pub fn operation(&self, method: &str, tool: Option<&str>) -> OperationMetrics {
        let method = known_method(method);
        let tool = tool.map(|name| self.0.tools.known(name));
        let labels =
            ByOperation { mcp_method_name: method, gen_ai_tool_name: tool, error_type: None };
        let success = self.0.operations.get_or_create_owned(&labels);
        OperationMetrics { labels, success, metrics: self.clone() }
    }

    /// The series of one upstream, named as its settings are: `forecast` for `[upstream.forecast]`.
    pub fn upstream(&self, name: &'static str) -> UpstreamMetrics {
        self.0.upstreams.of(name)
    }

    /// Keeps the same figures as instruments of `meter`, from here on.
    pub(crate) fn export(&self, meter: &Meter) {
        let (in_flight, queued) = (self.0.in_flight.clone(), self.0.queued.clone());
        let figures = Figures::new(meter, (&BUCKETS, &upstream::BUCKETS), in_flight, queued);
        // A second export has no meter of its own.
        drop(self.0.exported.set(figures));
    }

    fn exported(&self) -> Option<&Figures> {
        self.0.exported.get()
    }

    /// Somebody could not be authenticated: `expired`, `unknown_key`.
    pub fn authentication_failure(&self, reason: &'static str) {
        self.0.authentication_failures.get_or_create(&ByReason { reason }).inc();
        if let Some(exported) = self.exported() {
            exported.authentication_failure(reason);
        }
    }

    /// `guard` (`address`, `client`, `tool`) turned `client` away. Only the first clients that were turned
    /// away have a label of their own, the rest are `_OTHER`.
    pub fn rate_limit_rejection(&self, guard: &'static str, client: &str) {
        let client = self.0.clients.admit(client);
        if let Some(exported) = self.exported() {
            exported.rate_limit_rejection(guard, &client);
        }
        self.0.rate_limit_rejections.get_or_create(&ByGuard { guard, client }).inc();
    }

    /// The arguments for `tool` did not match its schema.
    pub fn schema_error(&self, tool: &str) {
        let gen_ai_tool_name = self.0.tools.known(tool);
        if let Some(exported) = self.exported() {
            exported.schema_error(&gen_ai_tool_name);
        }
        self.0.schema_errors.get_or_create(&ByTool { gen_ai_tool_name }).inc();
    }

    /// Sanitising found something of `kind` in outside text.
    pub fn finding(&self, kind: &'static str) {
        self.0.findings.get_or_create(&ByKind { kind }).inc();
        if let Some(exported) = self.exported() {
            exported.finding(kind);
        }
    }

    /// A repeated write was answered from the first one's result.
    pub fn idempotent_replay(&self) {
        self.0.replays.inc();
        if let Some(exported) = self.exported() {
            exported.replay();
        }
    }

    /// Files of the configuration were read again: whether they are in force, and whether by now all are.
    pub fn config_reload(&self, is_in_force: bool, are_all: bool) {
        let result = if is_in_force { RELOADED } else { KEPT };
        self.0.config_reloads.get_or_create(&ByResult { result }).inc();
        self.0.config_last_reload_ok.set(i64::from(are_all));
    }

    /// Whether Redis answers: told once at first, and then at every change.
    pub fn redis_up(&self, is_up: bool) {
        if self.0.redis_up.set(i64::from(is_up)) {
            self.0.redis_mode_changes.inc();
        }
        if let Some(exported) = self.exported() {
            exported.redis_up(is_up);
        }
    }

    pub(crate) fn audit_failures(&self, lines: u64) {
        self.0.audit_failures.inc_by(lines);
        if let Some(exported) = self.exported() {
            exported.audit_failures(lines);
        }
    }

    pub(crate) fn refusal_suppressed(&self) {
        self.0.refusals_suppressed.inc();
    }

    /// Counts a call as in flight until the guard is dropped.
    pub fn in_flight(&self) -> Occupied {
        Occupied::new(self.0.in_flight.clone())
    }

    /// Counts a call as waiting for a permit until the guard is dropped.
    pub fn queued(&self) -> Occupied {
        Occupied::new(self.0.queued.clone())
    }

    /// How many tasks of the runtime have not ended: what leaks any, grows here.
    pub fn tasks(&self, alive: usize) {
        self.0.tasks.set(i64::try_from(alive).unwrap_or(i64::MAX));
    }

    /// Every metric in the `OpenMetrics` text format, which Prometheus reads; see [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        let pages = [&self.0.registry, self.0.upstreams.registry()];
        let encoded = pages.into_iter().try_for_each(|page| encode_registry(&mut text, page));
        match encoded.and_then(|()| encode_eof(&mut text)) {
            Ok(()) => text,
            // Writing to a string does not fail; half a page would be taken for a whole one.
            Err(fmt::Error) => String::new(),
        }
    }
}

impl Inner {
    fn register(&mut self, build: Info<[(&'static str, String); 2]>) {
        let registry = self.registry.sub_registry_with_prefix("redis");
        registry.register("up", "Whether Redis answers", self.redis_up.clone());
        registry.register(
            "mode_changes",
            "How often guards went from shared state to their stated mode or back",
            self.redis_mode_changes.clone(),
        );
        let registry = self.registry.sub_registry_with_prefix("server");
        registry.register("build", "What runs", build);
        registry.register_with_unit(
            "operation_duration",
            "From receiving a request or notification to its result",
            Unit::Seconds,
            self.operations.clone(),
        );
        registry.register(
            "authentication_failures",
            "Requests whose credential was not accepted",
            self.authentication_failures.clone(),
        );
        registry.register(
            "rate_limit_rejections",
            "Requests beyond a quota",
            self.rate_limit_rejections.clone(),
        );
        registry.register(
            "schema_validation_errors",
            "Calls whose arguments did not match the schema",
            self.schema_errors.clone(),
        );
        registry.register(
            "sanitizer_findings",
            "What was found in outside text",
            self.findings.clone(),
        );
        registry.register(
            "audit_write_failures",
            "Audit lines that could not be written",
            self.audit_failures.clone(),
        );
        registry.register(
            "audit_refusals_suppressed",
            "Refused requests that were counted and not written one by one",
            self.refusals_suppressed.clone(),
        );
        registry.register(
            "idempotent_replays",
            "Repeated writes answered from the first result",
            self.replays.clone(),
        );
        registry.register(
            "config_reloads",
            "Files of the configuration that were read again, and whether they are in force",
            self.config_reloads.clone(),
        );
        registry.register(
            "config_last_reload_ok",
            "Whether everything in force is what the files say",
            self.config_last_reload_ok.clone(),
        );
        registry.register("in_flight_calls", "Calls being worked on", self.in_flight.clone());
        registry.register("queue_length", "Calls waiting for a permit", self.queued.clone());
        registry.register("tasks", "Tasks of the runtime that have not ended", self.tasks.clone());
        self.upstreams.register(registry);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Records the durations of one method and tool without a look-up where the operation succeeds.
#[derive(Clone, Debug)]
pub struct OperationMetrics {
    labels: ByOperation,
    success: Histogram,
    metrics: Metrics,
}

impl OperationMetrics {
    /// Records one operation; `failure` is the code of its error, where it failed.
    pub fn observe(&self, failure: Option<&'static str>, duration: Duration) {
        if let Some(exported) = self.metrics.exported() {
            let tool = self.labels.gen_ai_tool_name.as_deref();
            exported.operation(self.labels.mcp_method_name, tool, failure, duration);
        }
        if failure.is_none() {
            return self.success.observe(duration.as_secs_f64());
        }
        let labels = ByOperation { error_type: failure, ..self.labels.clone() };
        let operations = &self.metrics.0.operations;
        operations.get_or_create(&labels).observe(duration.as_secs_f64());
    }
}

/// One place taken, given back on drop.
#[derive(Debug)]
#[must_use = "the place is given back when the guard is dropped"]
pub struct Occupied(Gauge);

impl Occupied {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.dec();
    }
}
