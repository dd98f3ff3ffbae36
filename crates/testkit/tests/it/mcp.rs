//! The clients against a bare rmcp server, in every version of the protocol.

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use mcp_testkit::client::{connect_http, connect_stdio};
use mcp_testkit::wire::{VERSIONS, is_modern};
use mcp_testkit::{HttpClient, StdioClient};
use rmcp::model::CallToolRequestParams;
use serde_json::{Value, json};

use crate::echo_server;

#[tokio::test]
async fn the_raw_http_client_speaks_every_version_with_json_replies() {
    let server = echo_server().http().await;
    for version in VERSIONS {
        exercise_http(HttpClient::with_version(server.url(), version)).await;
    }
}

#[tokio::test]
async fn the_raw_http_client_speaks_every_version_with_event_streams_and_sessions() {
    let server = echo_server().args(["http", "--sse"]).http().await;
    for version in VERSIONS {
        let mut client = HttpClient::with_version(server.url(), version.clone());
        if !is_modern(&version) {
            let reply = client.initialize().await;
            assert_eq!(reply.result()["protocolVersion"], json!(version));
            assert!(!reply.header("mcp-session-id").is_empty());
        }
        exercise_http(client).await;
    }
}

async fn exercise_http(client: HttpClient) {
    let reply = client.list_tools().await;
    assert_eq!((reply.status.as_u16(), &reply.result()["tools"][0]["name"]), (200, &json!("echo")));
    let reply = client.call_tool("echo", json!({ "text": "hi" })).await;
    assert_eq!(reply.result()["structuredContent"], json!({ "text": "hi" }));
    let reply = client.read_resource("echo://zürich").await;
    assert_eq!(reply.result()["contents"][0]["uri"], "echo://zürich");
    let reply = client.get_prompt("greet", json!({})).await;
    assert_eq!(reply.result()["description"], "greet");
}

#[tokio::test]
async fn a_spoiled_request_reaches_the_server_as_it_is() {
    let server = echo_server().http().await;
    let client = HttpClient::new(server.url());
    let call = || client.request("tools/call", json!({ "name": "echo", "arguments": {} }));
    let reply = call().header("mcp-name", "other").send().await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (400, &json!(-32020)));
    let reply = call().without_header("mcp-method").send().await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (400, &json!(-32020)));
    let reply = call().body("{").send().await;
    assert!(reply.status.is_client_error() && *reply.json() == Value::Null, "{reply:?}");
}

#[tokio::test]
async fn tokens_are_sent_by_both_http_clients() {
    let url = guarded_endpoint().await;
    let call = |client: HttpClient| async move { client.list_tools().await.status.as_u16() };
    assert_eq!(call(HttpClient::new(&url)).await, 401);
    assert_eq!(call(HttpClient::new(&url).bearer("sesame")).await, 418);

    let version = &VERSIONS[0];
    let refusal = connect_http(&url, version.clone(), None).await.unwrap_err();
    assert!(format!("{refusal:?}").contains("AuthRequired"), "{refusal:?}");
    let refusal = connect_http(&url, version.clone(), Some("sesame")).await.unwrap_err();
    assert!(format!("{refusal:?}").contains("418"), "{refusal:?}");
}

/// Answers 418 to the right token and a challenge to any other.
async fn guarded_endpoint() -> String {
    let handler = |headers: HeaderMap| async move {
        match headers.get(AUTHORIZATION) {
            Some(value) if value == "Bearer sesame" => StatusCode::IM_A_TEAPOT.into_response(),
            _ => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response(),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/mcp", axum::routing::post(handler));
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}/mcp")
}

#[tokio::test]
async fn an_open_reply_yields_its_messages_one_by_one() {
    let server = echo_server().args(["http", "--sse"]).http().await;
    let client = HttpClient::new(server.url());
    let mut stream = client.request("tools/list", Value::Null).open().await;
    assert_eq!(stream.next().await.unwrap()["result"]["tools"][0]["name"], "echo");
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn the_raw_stdio_client_speaks_every_version() {
    for version in VERSIONS {
        let mut client = echo_server().stdio();
        if !is_modern(&version) {
            let answer = client.initialize(version.clone()).await;
            assert_eq!(answer["result"]["protocolVersion"], json!(version));
        }
        exercise_stdio(&mut client).await;
        assert!(client.close().await.success());
    }
}

async fn exercise_stdio(client: &mut StdioClient) {
    assert_eq!(client.list_tools().await["result"]["tools"][0]["name"], "echo");
    let answer = client.call_tool("echo", json!({ "text": "hi" })).await;
    assert_eq!(answer["result"]["structuredContent"], json!({ "text": "hi" }));
    let answer = client.read_resource("echo://one").await;
    assert_eq!(answer["result"]["contents"][0]["uri"], "echo://one");
    let answer = client.get_prompt("greet", json!({})).await;
    assert_eq!(answer["result"]["description"], "greet");
}

#[tokio::test]
async fn rmcps_own_client_connects_in_every_version_over_both_transports() {
    let server = echo_server().http().await;
    for version in VERSIONS {
        let http = connect_http(&server.url(), version.clone(), Some("token")).await.unwrap();
        let stdio = connect_stdio(&echo_server(), version.clone()).await.unwrap();
        for client in [http, stdio] {
            assert_eq!(client.peer_info().unwrap().protocol_version, version);
            let arguments = json!({ "text": "hi" }).as_object().cloned().unwrap();
            let call = CallToolRequestParams::new("echo").with_arguments(arguments);
            let result = client.call_tool(call).await.unwrap();
            assert_eq!(result.structured_content, Some(json!({ "text": "hi" })));
            client.cancel().await.unwrap();
        }
    }
}
