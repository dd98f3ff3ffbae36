//! What is exported to a collector of OpenTelemetry, which is asked by the bounded client of `mcp-limits`.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use mcp_errors::Result;
use mcp_limits::{ExchangeBounds, HttpClient};
use mcp_telemetry::{
    logging::Redact,
    metrics::Metrics,
    otlp::{Collector, DATABASE_SPAN, Otlp, OtlpLayer, OtlpOptions},
};
use tracing::Span;

use crate::cli::Failure;

/// The most that is read of an answer, which only says what was not taken.
const MAX_ANSWER: usize = 64 * 1024;

/// The longest that the end of the process waits for a collector.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// The export of this process, where it has any.
#[derive(Debug)]
pub(crate) struct Export {
    otlp: Option<Otlp>,
    within: Duration,
}

impl Export {
    pub(crate) fn new(
        options: Option<OtlpOptions>,
        (service, version): (&str, &str),
        redact: &Redact,
    ) -> Self {
        let within = options.as_ref().map(|options| options.timeout).unwrap_or_default();
        let otlp = options.map(|it| Otlp::new(it, service, version, Some(Arc::clone(redact))));
        Self { otlp, within }
    }

    pub(crate) fn layer(&self) -> Option<OtlpLayer> {
        self.otlp.as_ref().map(Otlp::layer)
    }

    /// Starts to export, within the runtime.
    pub(crate) fn start(&self, metrics: &Metrics) -> Result<(), Failure> {
        let Some(otlp) = &self.otlp else { return Ok(()) };
        let problem = |error| Failure::config(format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"));
        let client = HttpClient::new("the telemetry collector").map_err(problem)?;
        let collector = Arc::new(CollectorClient { client, within: self.within });
        otlp.start(collector, metrics).map_err(problem)
    }

    /// Sends what is left, within the time of the drain.
    pub(crate) async fn close(&self, drain: Duration) {
        if let Some(otlp) = &self.otlp {
            otlp.close(drain.min(LAST_BATCH)).await;
        }
    }
}

/// The span of one question to a database of the server's own, for traces, by OpenTelemetry's conventions for databases:
/// which system (`sqlite`, `postgresql`), what it does (`SELECT`), and to which table. None is text from outside.
pub fn database_span(
    system: &'static str,
    operation: &'static str,
    collection: Option<&'static str>,
) -> Span {
    tracing::trace_span!(
        target: DATABASE_SPAN,
        "database",
        otel.name = %Named(operation, collection),
        otel.kind = "client",
        db.system.name = system,
        db.operation.name = operation,
        db.collection.name = collection,
    )
}

/// The name of a span: the operation, and on what where that is known.
struct Named(&'static str, Option<&'static str>);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        self.1.map_or(Ok(()), |collection| write!(f, " {collection}"))
    }
}

/// Joins what `mcp-telemetry` asks for with what `mcp-limits` does: neither may know the other.
#[derive(Debug)]
struct CollectorClient {
    client: HttpClient,
    within: Duration,
}

#[async_trait]
impl Collector for CollectorClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let bounds = ExchangeBounds { max_bytes: MAX_ANSWER, deadline: self.within };
        self.client.forward(request, bounds).await
    }
}
