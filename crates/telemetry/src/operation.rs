//! One MCP operation as spans, metrics and audit lines see it: which method on which thing.

use std::{fmt, time::Duration};

use serde::Serialize;
use tracing::{Span, field::Empty};

use crate::{
    otlp,
    trace::{RequestId, TraceContext},
};

/// OpenTelemetry's stand-in for a value outside of the known ones.
pub(crate) const OTHER: &str = "_OTHER";

/// The target of operation spans.
pub(crate) const SPAN_TARGET: &str = "operation";

/// Methods of the protocol, current and legacy; any other name is a caller's invention.
const METHODS: [&str; 25] = [
    "completion/complete",
    "elicitation/create",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/message",
    "notifications/progress",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/roots/list_changed",
    "notifications/tools/list_changed",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
];

/// The method's own name, or `_OTHER`: what a caller sends never becomes a label or a span name.
pub(crate) fn known_method(method: &str) -> &'static str {
    METHODS.binary_search(&method).ok().and_then(|at| METHODS.get(at)).copied().unwrap_or(OTHER)
}

/// The start of `text` in at most `max` bytes, cut between characters.
pub(crate) fn clip(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target<'a> {
    /// A tool, by its registered name.
    Tool(&'a str),
    /// A prompt, by its registered name.
    Prompt(&'a str),
    /// A resource, by its URI.
    Resource(#[serde(serialize_with = "clip_uri")] &'a str),
}

fn clip_uri<S: serde::Serializer>(uri: &&str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(clip(uri, 512))
}

/// What carries the messages, as `network.transport` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// stdin and stdout: `pipe`.
    Stdio,
    /// Streamable HTTP: `tcp`.
    Http,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdio => "pipe",
            Self::Http => "tcp",
        })
    }
}

/// One operation, as it is announced to spans.
///
/// See the [OpenTelemetry conventions for MCP](https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/).
/// Arguments and results have no place here.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// The method as the caller sent it; an unknown one is recorded as `_OTHER`.
    pub method: &'a str,
    /// The tool, prompt or resource, once it is known to exist.
    pub target: Option<Target<'a>>,
    /// The protocol version that the request speaks.
    pub protocol_version: Option<&'a str>,
    /// What carries the request.
    pub transport: Transport,
    /// The `id` of the JSON-RPC request; none for notifications.
    pub jsonrpc_id: Option<&'a str>,
    /// The id that log, audit line and answer share.
    pub request_id: &'a RequestId,
    /// Where the operation stands in a distributed trace.
    pub trace: &'a TraceContext,
}

impl Operation<'_> {
    /// Opens the operation's span; [`finish`](Self::finish) closes it with an outcome.
    pub fn span(&self) -> Span {
        let method = known_method(self.method);
        let (tool, prompt) = match self.target {
            Some(Target::Tool(name)) => (Some(clip(name, 128)), None),
            Some(Target::Prompt(name)) => (None, Some(clip(name, 128))),
            // A URI would make as many span names as there are resources.
            Some(Target::Resource(_)) | None => (None, None),
        };
        let name = match tool.or(prompt) {
            Some(target) => format!("{method} {target}"),
            None => method.to_owned(),
        };
        // At the highest level and with a target that the log always enables, so that whatever the filter
        // shows of what happens inside carries the request id.
        let open = || {
            tracing::error_span!(
                target: SPAN_TARGET,
                "mcp",
                otel.name = name,
                otel.kind = "server",
                mcp.method.name = method,
                mcp.protocol.version = self.protocol_version.map(|version| clip(version, 32)),
                gen_ai.operation.name = tool.map(|_| "execute_tool"),
                gen_ai.tool.name = tool,
                gen_ai.prompt.name = prompt,
                network.transport = %self.transport,
                jsonrpc.request.id = self.jsonrpc_id.map(|id| clip(id, 64)),
                request_id = %self.request_id,
                trace_id = %self.trace.trace_id,
                tool,
                duration_ms = Empty,
                outcome = Empty,
                error.type = Empty,
            )
        };
        otlp::opening(self.trace, open)
    }

    /// Records how the operation ended and logs its one line: `outcome` is `ok` or the code of the failure.
    ///
    /// A tool result with `isError` is a failure.
    pub fn finish(span: &Span, failure: Option<&'static str>, duration: Duration) {
        span.record("outcome", failure.unwrap_or("ok"));
        span.record("duration_ms", milliseconds(duration));
        if let Some(code) = failure {
            span.record("error.type", code);
        }
        span.in_scope(|| tracing::info!("operation finished"));
    }
}

/// A duration in milliseconds, to the microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::{METHODS, clip, known_method};

    #[test]
    fn the_methods_are_sorted_for_the_search() {
        assert!(METHODS.is_sorted());
        assert!(METHODS.iter().all(|method| known_method(method) == *method));
    }

    #[test]
    fn an_invented_method_has_no_name_of_its_own() {
        assert_eq!(known_method("tools/call\n"), "_OTHER");
    }

    #[test]
    fn clipping_keeps_characters_whole() {
        assert_eq!(clip("größe", 3), "gr");
        assert_eq!(clip("größe", 99), "größe");
    }
}
