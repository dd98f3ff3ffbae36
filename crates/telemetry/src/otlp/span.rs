//! A span while it is open: its place in the trace, and what conventions know of its fields.

use std::{borrow::Cow, fmt, time::SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tracing::field::{Field, Visit};

use crate::{operation::clip, trace::TraceContext};

/// The longest text of an attribute, in bytes.
const MAX_TEXT: usize = 256;
/// More than any span of ours has.
const MAX_ATTRIBUTES: usize = 32;

/// A span that has begun.
#[derive(Debug)]
pub(super) struct OpenSpan {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) is_sampled: bool,
    parent: SpanId,
    parent_is_remote: bool,
    kind: SpanKind,
    name: Cow<'static, str>,
    begun: SystemTime,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl OpenSpan {
    /// An operation, at its place in the trace of its caller.
    pub(super) fn operation(trace: &TraceContext, is_sampled: bool) -> Self {
        let parent = trace.parent_span_id.map(|it| SpanId::from_bytes(it.to_bytes()));
        Self {
            trace_id: TraceId::from_bytes(trace.trace_id.to_bytes()),
            span_id: SpanId::from_bytes(trace.span_id.to_bytes()),
            is_sampled,
            parent: parent.unwrap_or(SpanId::INVALID),
            parent_is_remote: parent.is_some(),
            kind: SpanKind::Server,
            name: Cow::Borrowed(""),
            begun: SystemTime::now(),
            attributes: Vec::new(),
            status: Status::Unset,
        }
    }

    /// A part of this span: a query, a request to an upstream.
    pub(super) fn child(&self, name: &'static str) -> Self {
        let id = crate::trace::SpanId::random();
        let is_upstream = name == "upstream_request";
        Self {
            trace_id: self.trace_id,
            span_id: SpanId::from_bytes(id.to_bytes()),
            is_sampled: self.is_sampled,
            parent: self.span_id,
            parent_is_remote: false,
            kind: if is_upstream { SpanKind::Client } else { SpanKind::Internal },
            name: Cow::Borrowed(name),
            begun: SystemTime::now(),
            attributes: Vec::new(),
            status: Status::Unset,
        }
    }

    /// What a request that this span makes is sent with.
    pub(super) fn traceparent(&self) -> String {
        let sampled = u8::from(self.is_sampled);
        format!("00-{}-{}-{sampled:02x}", self.trace_id, self.span_id)
    }

    /// The span as it is exported, now that it has ended.
    pub(super) fn end(self, scope: &InstrumentationScope) -> SpanData {
        let flags = TraceFlags::SAMPLED;
        let state = TraceState::default();
        SpanData {
            span_context: SpanContext::new(self.trace_id, self.span_id, flags, false, state),
            parent_span_id: self.parent,
            parent_span_is_remote: self.parent_is_remote,
            span_kind: self.kind,
            name: self.name,
            start_time: self.begun,
            end_time: SystemTime::now(),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: self.status,
            instrumentation_scope: scope.clone(),
        }
    }

    /// Fields under their names in the conventions; what has none there is for the log alone.
    fn set(&mut self, name: &'static str, value: Value) {
        let name = match name {
            "otel.name" => {
                self.name = value.as_str().into_owned().into();
                return;
            }
            "otel.kind" => {
                self.kind = kind(&value.as_str());
                return;
            }
            "http.request.method" => {
                // Addresses are in no name, so that a span's name is the method alone.
                self.name = value.as_str().into_owned().into();
                name
            }
            "upstream" => "peer.service",
            "status" => "http.response.status_code",
            name if name.contains('.') => name,
            _ => return,
        };
        let is_failure = match (name, &value) {
            ("error.type", _) => true,
            ("http.response.status_code", Value::I64(status)) => *status >= 400,
            _ => false,
        };
        if is_failure {
            self.status = Status::error("");
        }
        if self.attributes.len() < MAX_ATTRIBUTES {
            self.attributes.push(KeyValue::new(name, value));
        }
    }
}

fn kind(name: &str) -> SpanKind {
    match name {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        _ => SpanKind::Internal,
    }
}

impl Visit for OpenSpan {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // Which attempt it is: the convention counts those after the first.
        if field.name() == "attempt" {
            if let Some(again) = value.checked_sub(1).filter(|again| *again > 0) {
                let again = i64::try_from(again).unwrap_or(i64::MAX);
                self.set("http.request.resend_count", again.into());
            }
            return;
        }
        self.set(field.name(), i64::try_from(value).unwrap_or(i64::MAX).into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), clip(value, MAX_TEXT).to_owned().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // What has no place here need not be written out.
        if field.name().contains('.') {
            self.set(field.name(), clip(&format!("{value:?}"), MAX_TEXT).to_owned().into());
        }
    }
}
