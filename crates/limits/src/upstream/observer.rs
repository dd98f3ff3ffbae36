//! What is told of an upstream while it is asked. Who keeps figures of it is not our business.

use std::{fmt, sync::Arc, time::Duration};

use http::Method;
use tokio::time::Instant;
use tracing::{Span, field::Empty};
use url::Url;

use crate::Failure;

/// Whether calls pass to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All pass.
    Closed,
    /// One tries whether the upstream is back.
    HalfOpen,
    /// None passes.
    Open,
}

/// Who wants to know how an upstream does.
pub trait UpstreamObserver: fmt::Debug + Send + Sync {
    /// A request has ended after `took`: with an answer, or with a failure of that code.
    fn requested(&self, failure: Option<&'static str>, took: Duration);

    /// A request that failed is made again.
    fn retried(&self);

    /// The circuit breaker is now in that state.
    fn breaker(&self, state: BreakerState);

    /// The `traceparent` (W3C Trace Context) of the request that is being made, where it is a part of a trace.
    fn traceparent(&self) -> Option<String>;
}

/// The code of a request that was given up before its end.
const GIVEN_UP: &str = "cancelled";

/// One request, from its beginning to its end; dropped before it, it was given up.
#[derive(Debug)]
pub(super) struct Observed<'a> {
    observer: Option<&'a dyn UpstreamObserver>,
    begun: Instant,
    outcome: Option<&'static str>,
}

impl<'a> Observed<'a> {
    pub(super) fn begin(observer: Option<&'a Arc<dyn UpstreamObserver>>) -> Self {
        let observer = observer.map(AsRef::as_ref);
        Self { observer, begun: Instant::now(), outcome: Some(GIVEN_UP) }
    }

    /// The request has an answer, or failed.
    pub(super) fn end(mut self, failure: Option<&Failure>) {
        self.outcome = failure.map(|failure| failure.error.kind().code());
    }
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.observer {
            observer.requested(self.outcome, self.begun.elapsed());
        }
    }
}

/// The name of the span of one request.
const SPAN: &str = "upstream_request";

/// The span of one request, for traces and for whoever reads debug lines; to nobody else it costs anything. Neither its
/// path nor its query is in it; the rest comes when it is known.
pub(super) fn span(service: &'static str, attempt: u32) -> Span {
    tracing::debug_span!(
        SPAN,
        upstream = service,
        attempt,
        http.request.method = Empty,
        server.address = Empty,
        server.port = Empty,
        status = Empty,
        error.type = Empty,
    )
}

/// The span of the request that is being made, where anybody wants it.
fn current() -> Option<Span> {
    let span = Span::current();
    let is_ours = span.metadata().is_some_and(|it| it.name() == SPAN);
    is_ours.then_some(span)
}

/// Notes on the span of a request what is sent and where to.
pub(crate) fn note_request(method: &Method, url: &Url) {
    let Some(span) = current() else { return };
    span.record("http.request.method", method.as_str());
    span.record("server.address", url.host_str());
    span.record("server.port", url.port_or_known_default());
}

/// Notes the status of an answer on the span of its request.
pub(crate) fn note_status(status: u16) {
    if let Some(span) = current() {
        span.record("status", status);
    }
}
