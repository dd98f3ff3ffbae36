//! What is kept of every operation: one span, one metric, and a line of the audit log.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use mcp_auth::Fingerprint;
use mcp_errors::{Error, ErrorKind, Result};
use mcp_sanitize::Sanitizer;
use mcp_telemetry::{
    Operation as Announced, Target, Transport,
    audit::{
        ArgumentsHash, AuditLog, AuditRecord, Durability, Principal as AuditPrincipal, Refusal,
    },
    metrics::{Metrics, OperationMetrics},
    trace::{RequestId, TraceContext},
};
use rmcp::model::JsonObject;
use serde_json::Value;
use tracing::Span;

use crate::{
    Catalog, Check, Server,
    caller::Caller,
    config::AuditConfig,
    pipeline::{Completed, Operation},
};

/// Records operations; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: Metrics,
    /// The series of each tool; a reload may offer more.
    tools: ArcSwap<HashMap<&'static str, OperationMetrics>>,
    audit: AuditLog,
    sanitizer: Arc<Sanitizer>,
    /// Reads are audited too.
    reads: bool,
    /// Redacted arguments are audited, not only their hash.
    arguments: bool,
}

impl Recorder {
    /// Opens the audit log and makes a series for every tool.
    pub(crate) fn start<S: Server>(
        config: &AuditConfig,
        catalog: &Catalog<S>,
        sanitizer: Arc<Sanitizer>,
        metrics: Metrics,
    ) -> Result<Self> {
        let audit = AuditLog::open(&config.target, &metrics)?;
        let (reads, arguments) = (config.reads, config.arguments);
        let tools = ArcSwap::default();
        let recorder = Self(Arc::new(Inner { metrics, tools, audit, sanitizer, reads, arguments }));
        recorder.register(catalog);
        Ok(recorder)
    }

    /// Makes a series for every tool that is offered from now on.
    pub(crate) fn register<S: Server>(&self, catalog: &Catalog<S>) {
        let metrics = &self.0.metrics;
        let series = |name: &'static str| {
            metrics.register_tool(name);
            (name, metrics.operation("tools/call", Some(name)))
        };
        let tools = catalog.tools().iter().map(|tool| series(tool.spec.name())).collect();
        self.0.tools.store(Arc::new(tools));
    }

    /// Begins the record of an operation.
    pub(crate) fn begin<'a, S, A>(
        &self,
        caller: &'a Caller,
        operation: &Operation<'_, S, A>,
    ) -> Record<'a> {
        let trace = TraceContext::from_traceparent(caller.traceparent.as_deref());
        let target = target(operation.method, operation.target);
        let transport = if caller.address.is_some() { Transport::Http } else { Transport::Stdio };
        let announced = Announced {
            method: operation.method,
            target: Some(target),
            protocol_version: caller.version.as_ref().map(rmcp::model::ProtocolVersion::as_str),
            transport,
            jsonrpc_id: None,
            request_id: &caller.request_id,
            trace: &trace,
        };
        let writes = operation.effect.writes();
        Record {
            recorder: self.clone(),
            span: announced.span(),
            caller,
            method: operation.method,
            target,
            trace,
            writes,
            arguments: None,
            started: Instant::now(),
            is_open: true,
        }
    }

    /// A tool that there is none of: counted, under no name of the caller's choosing.
    pub(crate) fn unknown(&self, caller: &Caller, method: &'static str) {
        self.failed_early(caller, method, "unknown_target");
    }

    /// A known method with parameters that are none.
    pub(crate) fn malformed(&self, caller: &Caller, method: &'static str) {
        self.failed_early(caller, method, "malformed_params");
    }

    fn failed_early(&self, caller: &Caller, method: &'static str, reason: &'static str) {
        self.0.metrics.operation(method, None).observe(Some(reason), Duration::ZERO);
        let fingerprint = caller.principal.fingerprint();
        self.refused(reason, caller.address, fingerprint, &caller.request_id);
    }

    /// A credential that was not accepted.
    #[cfg(feature = "http")]
    pub(crate) fn unauthenticated(
        &self,
        address: IpAddr,
        fingerprint: Option<Fingerprint>,
        error: &mcp_auth::AuthError,
        request_id: &RequestId,
    ) {
        self.0.metrics.authentication_failure(error.reason());
        self.refused(error.reason(), Some(address), fingerprint, request_id);
    }

    /// A client beyond its quota.
    #[cfg(feature = "http")]
    pub(crate) fn limited(&self, guard: &'static str, client: &str) {
        self.0.metrics.rate_limit_rejection(guard, client);
    }

    fn refused(
        &self,
        reason: &'static str,
        address: Option<IpAddr>,
        fingerprint: Option<Fingerprint>,
        request_id: &RequestId,
    ) {
        let credential = fingerprint.map(|fingerprint| fingerprint.to_string());
        let credential = credential.as_deref();
        self.0.audit.refused(&Refusal { reason, address, credential, request_id });
    }

    /// Whether the audit log can be written.
    pub(crate) async fn check(&self) -> Option<Check> {
        if self.0.audit.is_on() {
            Some(Check::run("audit", self.0.audit.ready()).await)
        } else {
            None
        }
    }

    /// The figures as Prometheus reads them.
    #[cfg(feature = "http")]
    pub(crate) fn render_metrics(&self) -> String {
        self.0.metrics.tasks(tokio::runtime::Handle::current().metrics().num_alive_tasks());
        self.0.metrics.render()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Writes what is queued and closes the log.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.0.audit.close().await {
            tracing::error!(%error, "the end of the audit log could not be written");
        }
    }
}

/// The record of one operation. Dropped unfinished, it says `cancelled`: a caller who goes away leaves a
/// trace.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    recorder: Recorder,
    span: Span,
    caller: &'a Caller,
    method: &'static str,
    target: Target<'static>,
    trace: TraceContext,
    writes: bool,
    arguments: Option<Arguments>,
    started: Instant,
    is_open: bool,
}

#[derive(Debug)]
struct Arguments {
    hash: ArgumentsHash,
    shown: JsonObject,
    redacted: Option<Value>,
}

impl Record<'_> {
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Keeps of the arguments what the audit log may have.
    pub(crate) fn arguments(&mut self, arguments: &JsonObject, shown: &[&str]) {
        if !self.is_audited() {
            return;
        }
        let hash = ArgumentsHash::of(arguments);
        let inner = &self.recorder.0;
        let shown = shown.iter().filter_map(|name| arguments.get_key_value(*name));
        let shown = shown.map(|(name, value)| (name.clone(), value.clone())).collect();
        let redacted =
            inner.arguments.then(|| redacted(&inner.sanitizer, Value::Object(arguments.clone())));
        self.arguments = Some(Arguments { hash, shown, redacted });
    }

    /// Refuses a write while it could not be recorded.
    pub(crate) async fn ready(&self) -> Result<()> {
        if self.writes { self.recorder.0.audit.ready().await } else { Ok(()) }
    }

    /// Records how the operation ended, and waits until the line of a write is durable.
    pub(crate) async fn finish<A>(mut self, ended: Result<Completed<A>>) -> Result<Completed<A>> {
        let written = self.end(ended.as_ref().err(), ended.as_ref().ok().map(Told::of).as_ref());
        match (written.await, ended) {
            (Err(unwritten), Ok(_)) if self.writes => Err(unwritten),
            (_, ended) => ended,
        }
    }

    fn end(
        &mut self,
        error: Option<&Error>,
        told: Option<&Told>,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        self.is_open = false;
        let failure = error.map(|error| error.kind().code());
        let duration = self.started.elapsed();
        if let Some(error) = error {
            self.log(error);
        }
        self.count(error, told, duration);
        Announced::finish(&self.span, failure, duration);
        let outcome = failure.unwrap_or("ok");
        let receipt = self.is_audited().then(|| self.write(outcome, duration));
        async move {
            match receipt {
                Some(receipt) => receipt.await,
                None => Ok(()),
            }
        }
    }

    /// A cause is logged here, once, under the operation's span; the caller reads the message only.
    fn log(&self, error: &Error) {
        let Some(cause) = std::error::Error::source(error) else { return };
        self.span.in_scope(|| tracing::error!(cause = %cause, "{error}"));
    }

    fn count(&self, error: Option<&Error>, told: Option<&Told>, duration: Duration) {
        let Inner { metrics, tools, .. } = &*self.recorder.0;
        let failure = error.map(|error| error.kind().code());
        let tools = tools.load();
        let series = match self.target {
            Target::Tool(name) => tools.get(name),
            _ => None,
        };
        match series {
            Some(series) => series.observe(failure, duration),
            None => metrics.operation(self.method, None).observe(failure, duration),
        }
        match (error.map(Error::kind), self.target) {
            (Some(ErrorKind::InvalidInput { .. }), Target::Tool(name)) => {
                metrics.schema_error(name);
            }
            (Some(ErrorKind::RateLimited { .. }), _) => {
                metrics.rate_limit_rejection("tool", self.caller.principal.key());
            }
            _ => {}
        }
        if let Some(told) = told {
            told.findings.iter().for_each(|kind| metrics.finding(kind));
            if told.replayed {
                metrics.idempotent_replay();
            }
        }
    }

    fn write(
        &self,
        outcome: &'static str,
        duration: Duration,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let caller = self.caller;
        let display = caller.principal.to_string();
        let credential = caller.principal.fingerprint().map(|it| it.to_string());
        let arguments = self.arguments.as_ref();
        let record = AuditRecord {
            principal: AuditPrincipal { key: caller.principal.key(), display: &display },
            client: caller.client.as_ref().map(|(name, version)| (name.as_str(), version.as_str())),
            method: self.method,
            target: Some(self.target),
            arguments_hash: arguments.map(|arguments| arguments.hash),
            arguments: arguments.and_then(|arguments| arguments.redacted.as_ref()),
            fields: arguments.map(|arguments| &arguments.shown).filter(|shown| !shown.is_empty()),
            outcome,
            duration,
            request_id: &caller.request_id,
            trace_id: self.trace.trace_id,
            credential: credential.as_deref(),
            address: caller.address,
        };
        let durability = if self.writes { Durability::Synced } else { Durability::Queued };
        self.recorder.0.audit.record(&record, durability)
    }

    fn is_audited(&self) -> bool {
        let inner = &self.recorder.0;
        inner.audit.is_on() && (self.writes || inner.reads)
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if self.is_open {
            let gone = Error::new(ErrorKind::Cancelled, "the caller went away");
            // The line is queued by now; nobody is left to wait for the disk.
            drop(self.end(Some(&gone), None));
        }
    }
}

/// What the figures need of an answer.
struct Told {
    findings: Vec<&'static str>,
    replayed: bool,
}

impl Told {
    fn of<A>(completed: &Completed<A>) -> Self {
        let findings = completed.provenance.iter().flat_map(|it| it.findings.iter());
        Self {
            findings: findings.map(|(finding, _)| finding.name()).collect(),
            replayed: completed.deduplicated == Some(true),
        }
    }
}

fn target(method: &'static str, name: &'static str) -> Target<'static> {
    match method {
        "tools/call" => Target::Tool(name),
        "prompts/get" => Target::Prompt(name),
        _ => Target::Resource(name),
    }
}

fn redacted(sanitizer: &Sanitizer, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(sanitizer.redact(&text).into_owned()),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| redacted(sanitizer, item)).collect())
        }
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(fields.map(|(name, value)| (name, redacted(sanitizer, value))).collect())
        }
        scalar => scalar,
    }
}
