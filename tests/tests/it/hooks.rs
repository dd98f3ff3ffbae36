//! Owners' hooks can observe, refuse and annotate; they cannot do more, and they cannot break a call.

use serde_json::{Value, json};

use crate::support::{command, failure, http};

async fn call_with(hook: &str) -> Value {
    let (_process, client) = http(&command().env("TOY_HOOK", hook)).await;
    let reply = client.call_tool("count_items", json!({ "items": 1 })).await;
    assert!(!reply.body.contains("secret"), "{}", reply.body);
    reply.result().clone()
}

#[tokio::test]
async fn a_hook_that_panics_before_the_call_refuses_it() {
    assert_eq!(failure(&call_with("panic-before").await), "internal");
}

#[tokio::test]
async fn a_hook_that_panics_after_the_call_loses_its_annotations_only() {
    let result = call_with("panic-after").await;
    assert_eq!(result["structuredContent"]["items"], json!(["1"]));
}

#[tokio::test]
async fn a_hook_refuses_what_was_admitted_and_admits_nothing() {
    let result = call_with("refuse").await;
    assert_eq!(failure(&result), "conflict");
    assert_eq!(result["structuredContent"]["error"]["message"], "the owners say no");
    // Scopes come before hooks: what a guard refuses, no hook sees.
    let command = command().env("TOY_HOOK", "refuse").env("MCP_STDIO_SCOPES", "toy:write");
    let answer = command.stdio().call_tool("count_items", json!({ "items": 1 })).await;
    assert_eq!(failure(&answer["result"]), "forbidden");
}

#[tokio::test]
async fn a_hook_annotates_under_its_own_names_only() {
    let result = call_with("annotate").await;
    let meta = &result["_meta"];
    assert_eq!(meta["com.example/note"], "from the owners");
    assert_eq!(meta["com.example/failed"], false);
    assert!(!meta.to_string().contains("forged"), "{meta}");
    assert_eq!(meta["io.modelcontextprotocol/serverInfo"]["name"], "mcp-toy");
}
