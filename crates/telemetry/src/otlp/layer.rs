//! The layer that turns spans and events into what is exported.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use opentelemetry::{
    logs::{LogRecord as _, Logger as _},
    trace::TraceFlags,
};
use opentelemetry_sdk::trace::SpanProcessor;
use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    Pipeline, place,
    record::{Fill, is_of_carrier, severity},
    span::OpenSpan,
};
use crate::logging::Redact;

/// Takes in spans and events; made by [`Otlp::layer`](super::Otlp::layer).
pub struct OtlpLayer {
    pipeline: Arc<OnceLock<Pipeline>>,
    redact: Option<Redact>,
}

impl OtlpLayer {
    pub(super) fn new(pipeline: Arc<OnceLock<Pipeline>>, redact: Option<Redact>) -> Self {
        Self { pipeline, redact }
    }
}

impl fmt::Debug for OtlpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for OtlpLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(Pipeline { spans: Some(_), sampler, .. }) = self.pipeline.get() else { return };
        let Some(span) = context.span(id) else { return };
        let metadata = attributes.metadata();
        let open = match place(metadata) {
            Some(trace) => Some(OpenSpan::operation(&trace, sampler.samples(&trace))),
            // What belongs to no operation, such as a probe, is in no trace.
            None => span.scope().skip(1).find_map(|around| {
                around.extensions().get::<OpenSpan>().map(|it| it.child(metadata.name()))
            }),
        };
        let Some(mut open) = open else { return };
        if open.is_sampled {
            attributes.record(&mut open);
        }
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<OpenSpan>()
            && open.is_sampled
        {
            values.record(open);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(Pipeline { logs: Some((_, logger)), .. }) = self.pipeline.get() else { return };
        let metadata = event.metadata();
        if is_of_carrier(metadata.target()) {
            return;
        }
        let mut record = logger.create_log_record();
        let (number, text) = severity(*metadata.level());
        record.set_severity_number(number);
        record.set_severity_text(text);
        record.set_timestamp(SystemTime::now());
        record.set_target(metadata.target());
        event.record(&mut Fill { record: &mut record, redact: self.redact.as_ref() });
        let place = context.event_scope(event).into_iter().flatten().find_map(|span| {
            let extensions = span.extensions();
            extensions.get::<OpenSpan>().map(|it| (it.trace_id, it.span_id, it.is_sampled))
        });
        if let Some((trace, span, is_sampled)) = place {
            let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
            record.set_trace_context(trace, span, Some(flags));
        }
        logger.emit(record);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(Pipeline { spans: Some(spans), scope, .. }) = self.pipeline.get() else { return };
        let open = context.span(&id).and_then(|span| span.extensions_mut().remove::<OpenSpan>());
        if let Some(open) = open.filter(|open| open.is_sampled) {
            spans.on_end(open.end(scope));
        }
    }
}
