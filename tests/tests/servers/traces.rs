//! One trace of several servers, as a collector and an upstream see it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::routing::get;
use mcp_testkit::collector::{Arrived, attributes};
use mcp_testkit::{Collector, HttpClient, ServerCommand};
use serde_json::{Value, json};

use crate::chaos::upstreams::{fixture, serve};
use crate::process::{failure, server};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// The `traceparent` of every request that an Open-Meteo has got.
type Heard = Arc<Mutex<Vec<Option<String>>>>;

/// An Open-Meteo that listens for traces.
async fn open_meteo(heard: &Heard) -> String {
    let heard = Arc::clone(heard);
    let forecast = get(async move |_: Path<String>, headers: HeaderMap| {
        let parent = headers.get("traceparent").map(|it| it.to_str().unwrap().to_owned());
        heard.lock().unwrap().push(parent);
        fixture("weather/forecast.json").to_string()
    });
    serve(Router::new().route("/v1/{what}", forecast)).await
}

/// Calls a tool as a part of the caller's trace.
async fn call(client: &HttpClient, tool: &str, arguments: Value) {
    let mut params = json!({ "name": tool, "arguments": arguments });
    params["_meta"] = json!({ "traceparent": format!("00-{TRACE}-{CALLER}-01") });
    let reply = client.request("tools/call", params).send().await;
    assert_eq!(failure(reply.result()), "", "{}", reply.body);
}

/// Name, parent and attributes of a span.
type Told = (String, String, Vec<(String, String)>);

/// Every span in the caller's trace.
fn spans(arrived: &Arrived) -> Vec<Told> {
    let name_of = |id: &[u8]| match arrived.spans.iter().find(|span| span.span_id == id) {
        Some(parent) => parent.name.clone(),
        None => hex::encode(id),
    };
    let ours = arrived.spans.iter().filter(|span| hex::encode(&span.trace_id) == TRACE);
    let told = ours.map(|span| {
        (span.name.clone(), name_of(&span.parent_span_id), attributes(&span.attributes))
    });
    told.collect()
}

#[tokio::test]
async fn one_trace_leads_from_the_caller_through_tools_to_sql_and_upstreams() {
    let (collector, heard) = (Collector::http().await, Heard::default());
    let exporting =
        |command: ServerCommand| command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
    let api = open_meteo(&heard).await;
    let (host, port) = api.trim_start_matches("http://").split_once(':').unwrap();
    let tickets = server("mcp-ticketing").env("DATABASE_URL", "sqlite::memory:");
    let weather = server("mcp-weather").env("WEATHER_API_URL", &api);
    let mut servers = Vec::new();
    for (command, tool, arguments) in [
        (tickets, "create_ticket", json!({ "title": "Rain", "body": "in the server room" })),
        (weather, "get_weather", json!({ "location": "1,2" })),
    ] {
        let server = exporting(command).http().await;
        call(&HttpClient::new(server.url()), tool, arguments).await;
        servers.push(server);
    }
    for server in &mut servers {
        // What is queued is sent before the process ends.
        assert!(server.terminate().await.success());
    }

    let arrived = collector.arrived();
    let spans = spans(&arrived);
    let child = |name: &str, parent: &str| {
        let found = spans.iter().find(|span| (span.0.as_str(), span.1.as_str()) == (name, parent));
        found.unwrap_or_else(|| panic!("no `{name}` under `{parent}`: {spans:#?}")).2.clone()
    };
    child("tools/call create_ticket", CALLER);
    child("tools/call get_weather", CALLER);
    let sql = child("INSERT tickets", "tools/call create_ticket");
    let request = child("GET", "tools/call get_weather");
    for (of, name, value) in [
        (&sql, "db.system.name", "sqlite"),
        (&sql, "db.operation.name", "INSERT"),
        (&request, "http.request.method", "GET"),
        (&request, "server.address", host),
        (&request, "server.port", port),
        (&request, "http.response.status_code", "200"),
    ] {
        assert!(of.contains(&(name.to_owned(), value.to_owned())), "{name}: {of:?}");
    }
    // What the upstream does is a part of the request to it.
    let request = arrived.named("GET")[0];
    let parent = format!("00-{TRACE}-{}-01", hex::encode(&request.span_id));
    assert_eq!(*heard.lock().unwrap(), [Some(parent)]);
}

#[tokio::test]
async fn a_trace_that_is_not_exported_is_passed_on_as_it_came_and_none_is_made_up() {
    let heard = Heard::default();
    let weather = server("mcp-weather").env("WEATHER_API_URL", open_meteo(&heard).await);
    let server = weather.http().await;
    let client = HttpClient::new(server.url());
    call(&client, "get_weather", json!({ "location": "1,2" })).await;
    let untraced = client.call_tool("get_weather", json!({ "location": "3,4" })).await;
    assert_eq!(failure(untraced.result()), "", "{}", untraced.body);
    assert_eq!(*heard.lock().unwrap(), [Some(format!("00-{TRACE}-{CALLER}-01")), None]);
}
