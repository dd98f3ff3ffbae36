//! The shape of a log line, and what never gets into one.

use std::{
    borrow::Cow,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_telemetry::{
    Operation, Target, Transport,
    logging::{LogFormat, LogHandle, LogOptions, subscriber},
    trace::{RequestId, TraceContext},
};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn redact(text: &str) -> Cow<'_, str> {
    text.replace("hunter2", "[redacted]").into()
}

fn options(filter: &str, format: LogFormat) -> LogOptions {
    LogOptions {
        filter: filter.to_owned(),
        format,
        service: "mcp-ticketing".into(),
        version: "1.2.3".into(),
        redact: Some(Arc::new(redact)),
        export: None,
    }
}

fn capture(filter: &str, format: LogFormat, log: impl FnOnce(&LogHandle)) -> String {
    let captured = Captured::default();
    let (subscriber, handle) = subscriber(options(filter, format), captured.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, || log(&handle));
    let bytes = captured.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn json_lines(filter: &str, log: impl FnOnce(&LogHandle)) -> Vec<Value> {
    let text = capture(filter, LogFormat::Json, log);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn finish_one_operation() {
    let request_id = RequestId::from_trusted("r-1").unwrap();
    let trace = TraceContext::from_traceparent(Some(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ));
    let span = Operation {
        method: "tools/call",
        target: Some(Target::Tool("get_ticket")),
        protocol_version: Some("2026-07-28"),
        transport: Transport::Http,
        jsonrpc_id: Some("7"),
        request_id: &request_id,
        trace: &trace,
    }
    .span();
    Operation::finish(&span, Some("not_found"), Duration::from_micros(1500));
}

#[test]
fn an_operation_is_one_line_with_the_span_at_the_top_level() {
    let mut lines = json_lines("info", |_| finish_one_operation());
    let timestamp = lines[0].as_object_mut().unwrap().remove("timestamp").unwrap();
    let timestamp = timestamp.as_str().unwrap();
    assert!(timestamp.ends_with('Z') && timestamp.len() == 24, "{timestamp}");
    assert_eq!(
        lines,
        [json!({
            "level": "INFO",
            "service": "mcp-ticketing",
            "version": "1.2.3",
            "target": "mcp_telemetry::operation",
            "message": "operation finished",
            "mcp.method.name": "tools/call",
            "mcp.protocol.version": "2026-07-28",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "get_ticket",
            "network.transport": "tcp",
            "jsonrpc.request.id": "7",
            "request_id": "r-1",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "tool": "get_ticket",
            "duration_ms": 1.5,
            "outcome": "not_found",
            "error.type": "not_found",
        })]
    );
}

#[test]
fn a_warning_carries_the_request_id_whatever_the_filter_shows() {
    for filter in ["warn", "it=warn", "it::logging=debug"] {
        let lines = json_lines(filter, |_| {
            let request_id = RequestId::from_trusted("r-9").unwrap();
            let operation = Operation {
                method: "tools/call",
                target: None,
                protocol_version: None,
                transport: Transport::Stdio,
                jsonrpc_id: None,
                request_id: &request_id,
                trace: &TraceContext::root(),
            };
            operation.span().in_scope(|| tracing::warn!("upstream is slow"));
        });
        assert_eq!(lines[0]["request_id"], "r-9");
        assert_eq!(lines[0]["network.transport"], "pipe");
        assert!(lines[0].get("tool").is_none());
    }
}

#[test]
fn a_record_of_the_log_crate_names_its_own_target() {
    let lines = json_lines("info", |_| {
        tracing::info!(log.target = "rustls::client", log.file = "/home/me/client.rs", "connected");
    });
    assert_eq!(lines[0]["target"], "rustls::client");
    assert!(lines[0].get("log.file").is_none());
}

#[test]
fn an_inner_field_wins_and_no_field_replaces_what_the_line_says_of_itself() {
    let lines = json_lines("info", |_| {
        let outer = tracing::info_span!("outer", tool = "a", depth = 1);
        let _outer = outer.enter();
        tracing::info!(depth = 2, level = "forged", service = "forged", "said");
    });
    assert_eq!(lines[0]["depth"], 2);
    assert_eq!(lines[0]["tool"], "a");
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["service"], "mcp-ticketing");
    assert_eq!(lines[0]["field.level"], "forged");
}

#[test]
fn secrets_are_redacted_in_messages_fields_and_spans() {
    for format in [LogFormat::Json, LogFormat::Text] {
        let text = capture("info", format, |_| {
            let span =
                tracing::info_span!("span", late = tracing::field::Empty, url = "db:hunter2");
            span.record("late", "hunter2");
            let _span = span.enter();
            let maybe = Some("hunter2");
            tracing::info!(field = "hunter2", ?maybe, "password is {}", "hunter2");
        });
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(text.matches("[redacted]").count(), 5, "{text}");
    }
}

#[test]
fn no_filter_lets_libraries_log_requests() {
    for filter in ["trace", "rmcp=trace", "rmcp::service=debug,h2=trace,sqlx=info", "debug"] {
        let lines = json_lines(filter, |handle| {
            tracing::debug!(target: "rmcp::service", arguments = "secret", "received request");
            tracing::info!(target: "rmcp", "received request");
            tracing::warn!(target: "rmcp::service", error = "secret", "response error");
            tracing::debug!(target: "h2::codec", "authorization: secret");
            tracing::info!(target: "sqlx::query", "select secret");
            handle.set_filter("trace").unwrap();
            tracing::trace!(target: "rmcp::transport", "secret");
        });
        assert!(lines.is_empty(), "{filter}: {lines:?}");
    }
    let lines = json_lines("info", |_| {
        tracing::warn!(target: "hyper::proto", "slow");
        tracing::info!(target: "rmcp_like", "not capped");
    });
    assert_eq!(lines.len(), 2);
}

#[test]
fn the_level_changes_while_running_and_a_bad_filter_changes_nothing() {
    let lines = json_lines("warn", |handle| {
        tracing::info!("unseen");
        handle.set_filter("info").unwrap();
        assert!(handle.set_filter("what=ever=else").is_err());
        tracing::info!("seen");
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message"], "seen");
}

#[test]
fn a_filter_that_is_not_understood_says_what_would_be() {
    for filter in ["what=ever=else", &"a".repeat(2000)] {
        let error = subscriber(options(filter, LogFormat::Json), io::sink).err().unwrap();
        assert!(error.to_string().starts_with("`log filter` "), "{error}");
    }
    assert!("yaml".parse::<LogFormat>().unwrap_err().to_string().contains("`json` or `text`"));
}

#[test]
fn outside_text_forges_no_line_and_drives_no_terminal() {
    let text = capture("info", LogFormat::Text, |_| {
        tracing::info!(name = "a\u{202e}b c", "one\n2026 INFO two\u{1b}[2J");
    });
    assert_eq!(text.lines().count(), 1);
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    assert!(text.contains(r"one\n2026 INFO two\u{1b}[2J"), "{text}");
}
