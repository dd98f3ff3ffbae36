//! What a collector gets: one trace from the caller's `traceparent` down to SQL, metrics and logs under the conventions'
//! names, over both protocols; and what an unreachable collector costs, which is nothing.

use std::{
    fs,
    time::{Duration, Instant},
};

use mcp_testkit::{
    Collector, HttpClient, ServerCommand,
    collector::{attributes, text},
};
use serde_json::json;

use crate::support::command;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn exporting(collector: &Collector, protocol: &str) -> ServerCommand {
    command()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2")
        .env("OTEL_SERVICE_NAME", "tickets-eu")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
}

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

#[tokio::test]
async fn a_collector_sees_one_trace_from_the_caller_to_sql_over_http() {
    is_seen_whole(&Collector::http().await, "http/protobuf").await;
}

#[tokio::test]
async fn a_collector_sees_one_trace_from_the_caller_to_sql_over_grpc() {
    is_seen_whole(&Collector::grpc().await, "grpc").await;
}

async fn is_seen_whole(collector: &Collector, protocol: &str) {
    let mut server = exporting(collector, protocol).http().await;
    let client = HttpClient::new(server.url());
    let ticket = json!({ "title": "Printer", "body": "canary-of-the-body" });
    let create = json!({ "name": "create_ticket", "arguments": ticket });
    let created = client.request("tools/call", create).header("traceparent", &parent("01"));
    assert_eq!(created.send().await.status, 200);
    assert_eq!(client.call_tool("get_ticket", json!({ "id": "T-999" })).await.status, 200);
    // What is queued is sent before the process ends.
    assert!(server.terminate().await.success());

    let arrived = collector.arrived();
    let [created] = arrived.named("tools/call create_ticket")[..] else { panic!("{arrived:#?}") };
    assert_eq!((hex::encode(&created.trace_id), created.kind), (TRACE.to_owned(), 2));
    assert_eq!(hex::encode(&created.parent_span_id), PARENT);
    let told = attributes(&created.attributes);
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "create_ticket"),
        ("gen_ai.operation.name", "execute_tool"),
        ("network.transport", "tcp"),
    ] {
        assert!(told.contains(&(name.to_owned(), value.to_owned())), "{name}: {told:?}");
    }
    let [insert] = arrived.named("INSERT tickets")[..] else { panic!("{arrived:#?}") };
    assert_eq!((&insert.trace_id, &insert.parent_span_id), (&created.trace_id, &created.span_id));
    assert_eq!(insert.kind, 3);
    let told = attributes(&insert.attributes);
    assert!(told.contains(&("db.system.name".to_owned(), "sqlite".to_owned())), "{told:?}");

    let [missed] = arrived.named("tools/call get_ticket")[..] else { panic!("{arrived:#?}") };
    assert!(missed.parent_span_id.is_empty() && missed.trace_id != created.trace_id);
    let told = attributes(&missed.attributes);
    assert!(told.contains(&("error.type".to_owned(), "not_found".to_owned())), "{told:?}");
    assert_eq!(missed.status.as_ref().map(|status| status.code), Some(2));

    let points = arrived.points("mcp.server.operation.duration");
    let point = |tool: &str, more: &[(&str, &str)]| {
        let tool = [("gen_ai.tool.name", tool), ("mcp.method.name", "tools/call")];
        let wanted = tool.into_iter().chain(more.iter().copied());
        let wanted: Vec<_> = wanted.map(|(name, it)| (name.to_owned(), it.to_owned())).collect();
        points.iter().any(|point| wanted.iter().all(|pair| point.contains(pair)))
    };
    assert!(point("create_ticket", &[]), "{points:?}");
    assert!(point("get_ticket", &[("error.type", "not_found")]), "{points:?}");

    let finished = arrived.logs.iter().find(|log| {
        log.body.as_ref().is_some_and(|body| text(body) == "operation finished")
            && log.span_id == created.span_id
    });
    assert_eq!(finished.map(|log| &log.trace_id), Some(&created.trace_id));

    let resource = attributes(&arrived.resource);
    for (name, value) in [
        ("service.name", "tickets-eu"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("deployment.environment.name", "test"),
    ] {
        assert!(resource.contains(&(name.to_owned(), value.to_owned())), "{resource:?}");
    }
    assert!(arrived.credentials.iter().all(|it| it.as_deref() == Some("Bearer hunter2")));
    let everything = format!("{:?} {:?} {:?}", arrived.spans, arrived.metrics, arrived.logs);
    assert!(!everything.contains("canary") && !everything.contains("hunter2"));
    assert!(!server.log().concat().contains("hunter2"));
}

#[tokio::test]
async fn the_message_says_nearer_than_its_hop_whose_part_it_is() {
    let collector = Collector::http().await;
    let mut server = exporting(&collector, "http/protobuf").http().await;
    let client = HttpClient::new(server.url());
    let mut request = json!({ "name": "search_tickets", "arguments": { "query": "x" } });
    request["_meta"] = json!({ "traceparent": parent("01") });
    let hop = format!("00-{}-{}-01", "1".repeat(32), "2".repeat(16));
    let request = client.request("tools/call", request).header("traceparent", &hop);
    assert_eq!(request.send().await.status, 200);
    server.terminate().await;
    let arrived = collector.arrived();
    let [search] = arrived.named("tools/call search_tickets")[..] else { panic!("{arrived:#?}") };
    assert_eq!(hex::encode(&search.trace_id), TRACE);
}

#[tokio::test]
async fn what_the_caller_does_not_record_is_not_exported() {
    let collector = Collector::http().await;
    let base = exporting(&collector, "http/protobuf").env("OTEL_LOGS_EXPORTER", "none");
    let mut server = base.env("OTEL_METRICS_EXPORTER", "none").http().await;
    let client = HttpClient::new(server.url());
    let request = client.request("tools/list", json!({})).header("traceparent", &parent("00"));
    assert_eq!(request.send().await.status, 200);
    let search = json!({ "name": "search_tickets", "arguments": { "query": "x" } });
    let request = client.request("tools/call", search).header("traceparent", &parent("00"));
    assert_eq!(request.send().await.status, 200);
    server.terminate().await;
    let arrived = collector.arrived();
    assert!(arrived.spans.is_empty() && arrived.metrics.is_empty() && arrived.logs.is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_costs_calls_nothing_and_the_end_little() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for (endpoint, protocol) in [
        ("http://127.0.0.1:9", "http/protobuf"),
        ("http://127.0.0.1:9", "grpc"),
        (&silent, "http/protobuf"),
        (&silent, "grpc"),
    ] {
        let command = command()
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("MCP_DRAIN_DEADLINE", "1s");
        let mut server = command.http().await;
        let client = HttpClient::new(server.url());
        for _ in 0..5 {
            let reply = client.call_tool("search_tickets", json!({ "query": "x" })).await;
            assert_eq!(reply.status, 200);
        }
        let asked = Instant::now();
        assert!(server.terminate().await.success(), "{endpoint} {protocol}");
        assert!(asked.elapsed() < Duration::from_secs(5), "{endpoint} {protocol}");
    }
}

#[tokio::test]
async fn nothing_runs_for_an_export_that_nobody_asked_for() {
    let exporters = |id: u32| {
        let tasks = fs::read_dir(format!("/proc/{id}/task")).unwrap().flatten();
        let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("OpenTelemetry")).count()
    };
    let server = command().http().await;
    assert_eq!(exporters(server.id()), 0);
    let collector = Collector::http().await;
    let server = exporting(&collector, "http/protobuf").http().await;
    assert!(exporters(server.id()) >= 3);
}

#[tokio::test]
async fn settings_of_the_export_are_refused_by_name_and_never_repeated() {
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "canary:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "canary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "canary"),
        ("OTEL_RESOURCE_ATTRIBUTES", "canary"),
        ("OTEL_TRACES_SAMPLER", "canary"),
        ("OTEL_LOGS_EXPORTER", "canary"),
    ] {
        let output = command().env(variable, value).args(["config", "check"]).output().await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{variable}: {told}");
        assert!(told.starts_with(&format!("error: {variable} (from ")), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
}
