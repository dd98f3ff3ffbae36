//! The layer that remembers the fields of spans and writes one line per event.

use std::{borrow::Cow, io::Write};

use chrono::Utc;
use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::MakeWriter,
    layer::Context,
    registry::{LookupSpan, Scope, SpanRef},
};

use super::{
    LogFormat, LogOptions, Redact,
    line::{Collect, Fields, Joined, Line},
};
use crate::otlp;

pub(super) struct LogLayer<W> {
    format: LogFormat,
    colour: bool,
    service: Cow<'static, str>,
    version: Cow<'static, str>,
    redact: Option<Redact>,
    writer: W,
}

impl<W> LogLayer<W> {
    pub(super) fn new(options: LogOptions, writer: W, colour: bool) -> Self {
        let LogOptions { format, service, version, redact, filter: _, export: _ } = options;
        Self { format, colour, service, version, redact, writer }
    }

    fn collect<'a>(
        &'a self,
        fields: &'a mut Fields,
        message: Option<&'a mut String>,
    ) -> Collect<'a> {
        Collect { fields, message, redact: self.redact.as_ref() }
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut self.collect(&mut fields, None));
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        extensions.insert(fields);
        // Kept whether spans are exported or not: a caller's trace is passed on all the same.
        if let Some(place) = otlp::place(attributes.metadata()) {
            extensions.insert(place);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(&mut self.collect(fields, None));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let (mut own, mut message) = (Fields::default(), String::new());
        // Before a span is locked: to show a value may make it log something itself.
        event.record(&mut self.collect(&mut own, Some(&mut message)));
        let log_target = own.take_log_target();
        let spans = context.event_scope(event).into_iter().flat_map(Scope::from_root);
        let spans: Vec<_> = spans.collect();
        let extensions: Vec<_> = spans.iter().map(SpanRef::extensions).collect();
        let mut fields = Joined::default();
        extensions.iter().filter_map(|it| it.get()).for_each(|of_span| fields.extend(of_span));
        fields.extend(&own);
        let line = Line {
            time: Utc::now(),
            level: *event.metadata().level(),
            target: log_target.as_deref().unwrap_or(event.metadata().target()),
            message: &message,
            fields: &fields,
        };
        let rendered = match self.format {
            LogFormat::Json => line.json(&self.service, &self.version).ok(),
            LogFormat::Text => line.text(self.colour).ok(),
        };
        if let Some(mut bytes) = rendered {
            bytes.push(b'\n');
            // One call, so that lines of several threads never mix. Nobody is left to tell of a failure.
            self.writer.make_writer_for(event.metadata()).write_all(&bytes).ok();
        }
    }
}
