//! Sampling is deprecated in 2026-07-28 and stays for the clients that still offer it: the conformance server asks them.

use mcp_testkit::{HttpClient, ServerCommand, ServerProcess};
use serde_json::{Value, json};

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

async fn server() -> ServerProcess {
    let command = ServerCommand::new(env!("CARGO_BIN_EXE_mcp-conformance"));
    command.env("MCP_SESSIONS", "local").http().await
}

/// What the client's model says.
fn said() -> Value {
    let content = json!({ "type": "text", "text": "Paris" });
    json!({ "role": "assistant", "content": content, "model": "m", "stopReason": "endTurn" })
}

fn call() -> Value {
    json!({ "name": "test_sampling", "arguments": { "prompt": "The capital of France?" } })
}

fn is_asked(request: &Value) {
    assert_eq!(request["method"], "sampling/createMessage", "{request}");
    let asked = &request["params"]["messages"][0]["content"];
    assert!(asked.to_string().contains("The capital of France?"), "{request}");
    assert_eq!(request["params"]["maxTokens"], 100, "{request}");
}

#[tokio::test]
async fn a_legacy_client_that_offers_its_model_is_asked_on_the_stream_of_the_call() {
    let server = server().await;
    let client = HttpClient::legacy(server.url());
    let params = json!({
        "protocolVersion": "2025-11-25",
        "clientInfo": { "name": "model", "version": "1" },
        "capabilities": { "sampling": {} },
    });
    let initialized = client.request("initialize", params).send().await;
    let client = client.header("mcp-session-id", initialized.header("mcp-session-id"));
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    client.message(&ready).send().await;

    let mut stream = client.request("tools/call", call()).open().await;
    let question = stream.next().await.expect("a question");
    is_asked(&question);
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": said() });
    assert_eq!(client.message(&answer).send().await.status, 202);
    let answered = stream.next().await.expect("an answer");
    assert_eq!(answered["result"]["content"][0]["text"], "LLM response: Paris", "{answered}");
}

#[tokio::test]
async fn a_modern_client_that_offers_its_model_is_asked_by_the_result_and_any_other_is_told() {
    let server = server().await;
    let client = HttpClient::new(server.url());
    let mut params = call();
    params["_meta"] = json!({ CAPABILITIES: { "sampling": {} } });
    let asked = client.request("tools/call", params.clone()).send().await;
    is_asked(&asked.result()["inputRequests"]["answer"]);
    params["inputResponses"] = json!({ "answer": said() });
    params["requestState"] = asked.result()["requestState"].clone();
    let answered = client.request("tools/call", params).send().await;
    let text = &answered.result()["content"][0]["text"];
    assert_eq!(text, "LLM response: Paris", "{}", answered.body);

    let told = client.request("tools/call", call()).send().await;
    assert_eq!(told.json()["error"]["code"], -32021, "{}", told.body);
}
