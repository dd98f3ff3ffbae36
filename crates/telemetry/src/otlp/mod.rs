//! Traces, metrics and logs for a collector, by the OpenTelemetry protocol (OTLP).
//!
//! Off, there is no layer, no thread and no queue. On, whatever ends is put into a bounded queue and sent by threads of the
//! SDK's: a collector that is slow or away costs records, never calls.

mod exporters;
mod figures;
mod layer;
mod options;
mod record;
mod span;

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use mcp_errors::{Error, Result};
use opentelemetry::{InstrumentationScope, logs::LoggerProvider, metrics::MeterProvider as _};
use opentelemetry_sdk::{
    logs::{SdkLogger, SdkLoggerProvider},
    metrics::SdkMeterProvider,
    trace::{BatchSpanProcessor, SpanProcessor},
};
use tracing::{Metadata, Span};
use tracing_subscriber::{
    Registry,
    registry::{LookupSpan, SpanRef},
};

pub(crate) use figures::Figures;
pub use layer::OtlpLayer;
pub use options::{Attributes, Endpoint, OtlpOptions, Protocol, Sampler, Signal};

use self::span::OpenSpan;
use crate::{logging::Redact, metrics::Metrics, operation::SPAN_TARGET, trace::TraceContext};

/// Who sends what is exported over HTTP: the host's client, so that this crate needs none of its own.
#[async_trait]
pub trait Collector: fmt::Debug + Send + Sync {
    /// Sends one request within its own bounds of time and size, whatever the answer's status.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>>;
}

/// The export of one process: made before the log, started within the runtime, closed at its end.
#[derive(Clone, Debug)]
pub struct Otlp {
    options: Arc<OtlpOptions>,
    pipeline: Arc<OnceLock<Pipeline>>,
    redact: Option<RedactField>,
}

/// A [`Redact`] that can be shown.
#[derive(Clone)]
struct RedactField(Redact);

impl fmt::Debug for RedactField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redact")
    }
}

/// What is running.
#[derive(Debug)]
struct Pipeline {
    scope: InstrumentationScope,
    sampler: Sampler,
    spans: Option<BatchSpanProcessor>,
    logs: Option<(SdkLoggerProvider, SdkLogger)>,
    metrics: Option<SdkMeterProvider>,
}

impl Otlp {
    /// What will be exported once it is started; text of logs goes through `redact`.
    pub fn new(
        mut options: OtlpOptions,
        server: &str,
        version: &str,
        redact: Option<Redact>,
    ) -> Self {
        let service = options.service.get_or_insert_with(|| server.to_owned());
        let own = [("service.name", service.clone()), ("service.version", version.to_owned())];
        options.resource.0.extend(own.map(|(name, value)| (name.to_owned(), value)));
        IS_ON.store(true, Ordering::Relaxed);
        Self { options: options.into(), pipeline: Arc::default(), redact: redact.map(RedactField) }
    }

    /// The layer that takes in spans and events; it passes everything by until [`Otlp::start`].
    pub fn layer(&self) -> OtlpLayer {
        OtlpLayer::new(Arc::clone(&self.pipeline), self.redact.clone().map(|it| it.0))
    }

    /// Starts to export. To be called within the runtime that is to send over HTTP.
    ///
    /// # Errors
    /// When the endpoint or TLS cannot be used. A collector that is away is no error.
    pub fn start(&self, collector: Arc<dyn Collector>, metrics: &Metrics) -> Result<()> {
        let pipeline = exporters::pipeline(&self.options, collector)?;
        if let Some(provider) = &pipeline.metrics {
            metrics.export(&provider.meter(SCOPE));
        }
        self.pipeline.set(pipeline).map_err(|_twice| Error::internal("the export runs already"))
    }

    /// Sends what is queued and stops, in at most `within`.
    pub async fn close(&self, within: Duration) {
        let pipeline = Arc::clone(&self.pipeline);
        let closing = tokio::task::spawn_blocking(move || {
            if let Some(pipeline) = pipeline.get() {
                pipeline.close(within);
            }
        });
        // What is not sent by then is lost, which the collector's own gaps show.
        drop(tokio::time::timeout(within, closing).await);
    }
}

impl Pipeline {
    fn close(&self, within: Duration) {
        let spans = self.spans.as_ref().map(|spans| spans.shutdown_with_timeout(within));
        let logs = self.logs.as_ref().map(|(logs, _)| logs.shutdown_with_timeout(within));
        let metrics = self.metrics.as_ref().map(|it| it.shutdown_with_timeout(within));
        for problem in [spans, logs, metrics].into_iter().flatten().filter_map(Result::err) {
            tracing::warn!(%problem, "the last of what was to be exported may be lost");
        }
    }
}

/// The target of spans that are of interest to traces alone.
pub const DATABASE_SPAN: &str = "database";

/// What the log's filter lets through for traces, whatever the operator wants to read.
pub(crate) const TRACED: &str = "database=trace,mcp_limits::upstream::observer=debug";

/// The name of the instrumentation, as collectors show it.
const SCOPE: &str = "mcp-chassis";

/// Whether anything is exported; spans are opened without a look at their ids otherwise.
static IS_ON: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The place in a distributed trace of the operation whose span is being opened.
    static OPENING: Cell<Option<TraceContext>> = const { Cell::new(None) };
}

/// Opens an operation's span so that the layers know its place in the distributed trace.
pub(crate) fn opening<T>(trace: &TraceContext, open: impl FnOnce() -> T) -> T {
    // A trace that begins here and is not exported is nobody's.
    if !IS_ON.load(Ordering::Relaxed) && trace.parent_span_id.is_none() {
        return open();
    }
    OPENING.set(Some(*trace));
    let opened = open();
    OPENING.set(None);
    opened
}

/// The place in a distributed trace of the span that is being opened, where it is an operation's.
pub(crate) fn place(span: &Metadata<'_>) -> Option<TraceContext> {
    OPENING.get().filter(|_| span.target() == SPAN_TARGET)
}

/// The `traceparent` of a request that is made within the current span: of the innermost span that is exported, or,
/// where none is, the caller's as it came ([W3C Trace Context](https://www.w3.org/TR/trace-context/) §3.2, §4).
pub fn traceparent() -> Option<String> {
    Span::current().with_subscriber(|(id, subscriber)| {
        let span = subscriber.downcast_ref::<Registry>()?.span(id)?;
        let exported =
            |it: SpanRef<'_, _>| it.extensions().get::<OpenSpan>().map(OpenSpan::traceparent);
        let callers =
            |it: SpanRef<'_, _>| it.extensions().get::<TraceContext>()?.callers_traceparent();
        span.scope().find_map(exported).or_else(|| span.scope().find_map(callers))
    })?
}

fn logger(provider: &SdkLoggerProvider, scope: &InstrumentationScope) -> SdkLogger {
    provider.logger_with_scope(scope.clone())
}
