//! A well-formed call goes to the handler without the SDK's connection, and nobody can tell by the answer.

use mcp_testkit::http::{HttpRequest, Reply};
use mcp_testkit::{HttpClient, wire};
use reqwest::header::HeaderMap;
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use crate::support::{command, http};

/// Means the same as what every client sends, and is unusual enough for the long way.
const UNUSUAL: &str = "application/json;q=1, text/event-stream;q=1";

/// Any request as it is, and by the long way.
async fn both_ways(request: HttpRequest) -> [Reply; 2] {
    [request.clone().send().await, request.header("accept", UNUSUAL).send().await]
}

/// What of an answer is not of this one request alone.
fn told(reply: &Reply) -> (u16, HeaderMap, Value) {
    let mut headers = reply.headers.clone();
    for unlike in ["date", "x-request-id", "ratelimit", "content-length"] {
        headers.remove(unlike);
    }
    let id = reply.header("x-request-id");
    assert!(!id.is_empty(), "{reply:?}");
    let text = reply.json().to_string().replace(id, "the request");
    let mut told: Value = serde_json::from_str(&text).unwrap();
    // The markers around outside text are new each time, which tests of their own see to.
    for block in told["result"]["content"].as_array_mut().into_iter().flatten() {
        let text = block["text"].as_str().unwrap_or_default().to_owned();
        if let Some(marker) = text.split_whitespace().nth(1).filter(|_| text.starts_with('[')) {
            block["text"] = text.replace(marker.trim_end_matches(']'), "marker").into();
        }
    }
    (reply.status.as_u16(), headers, told)
}

#[tokio::test]
async fn an_answer_is_the_same_by_either_way() {
    let (_process, client) = http(&command()).await;
    let call = |name: &str, arguments: Value| {
        client.request("tools/call", json!({ "name": name, "arguments": arguments }))
    };
    for (case, request) in [
        ("an answer", call("repeat_text", json!({ "text": "Grüße \u{1b}[2J <script>" }))),
        ("an answer without anything to clean", call("repeat_text", json!({ "text": "Grüße" }))),
        ("many items", call("count_items", json!({ "items": 50 }))),
        ("a refused argument", call("count_items", json!({ "items": "many" }))),
        ("an argument too many", call("count_items", json!({ "items": 1, "more": 1 }))),
        ("a failure of the domain", call("panic_now", json!({}))),
        ("a tool that is not there", call("no_such_tool", json!({}))),
        ("no arguments", client.request("tools/call", json!({ "name": "panic_now" }))),
    ] {
        let [short, long] = both_ways(request).await;
        assert_eq!(told(&short), told(&long), "{case}");
    }
}

#[tokio::test]
async fn what_is_only_unusual_is_answered_and_what_contradicts_itself_refused() {
    let (process, client) = http(&command()).await;
    let params = json!({ "name": "count_items", "arguments": { "items": 1 } });
    let call = || client.request("tools/call", params.clone());
    let with = |key: &str, value: Value| {
        let mut message =
            wire::request(&ProtocolVersion::V_2026_07_28, "tools/call", params.clone());
        message["params"]["_meta"][key] = value;
        client.message(&message)
    };
    let legacy = HttpClient::with_version(process.url(), ProtocolVersion::V_2025_11_25);
    let utf8 = "application/json; charset=utf-8";
    for (case, request, status) in [
        ("another header for both media types", call().header("accept", UNUSUAL), 200),
        ("a parameter of the media type", call().header("content-type", utf8), 200),
        ("a name in Base64", call().header("mcp-name", "=?base64?Y291bnRfaXRlbXM=?="), 200),
        ("somebody who wants to be told", with("progressToken", json!(1)), 200),
        ("an older version", legacy.request("tools/call", params.clone()), 200),
        ("another name", call().header("mcp-name", "panic_now"), 400),
        ("no name", call().without_header("mcp-name"), 400),
        ("another method", call().header("mcp-method", "tools/list"), 400),
        ("another version", call().header("mcp-protocol-version", "2025-11-25"), 400),
        ("no capabilities", with("io.modelcontextprotocol/clientCapabilities", Value::Null), 400),
    ] {
        let reply = request.send().await;
        assert_eq!(reply.status, status, "{case}: {}", reply.body);
    }
}
