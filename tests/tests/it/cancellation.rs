//! A call that nobody waits for any more ends, and leaves its trace.

use std::time::Instant;

use mcp_testkit::HttpClient;
use mcp_testkit::wire::{self, VERSIONS};
use serde_json::json;

use crate::support::{command, failure, http};

/// The audit line of a call whose caller went away.
const CANCELLED: &str = r#""outcome":"cancelled""#;

#[tokio::test]
async fn a_deadline_drops_the_call_and_says_timeout() {
    let (process, client) = http(&command().env("MCP_DEADLINE", "200ms")).await;
    let started = Instant::now();
    let reply = client.call_tool("hold_on", json!({ "label": "late" })).await;
    assert_eq!(failure(reply.result()), "timeout");
    assert!(started.elapsed().as_millis() >= 200);
    let error = &reply.result()["structuredContent"]["error"];
    assert_eq!(error["retryable"], true);
    process.wait_for_log("hold dropped").await;
    process.wait_for_log(r#""outcome":"timeout""#).await;
}

#[tokio::test]
async fn a_connection_that_closes_cancels_its_call() {
    let process = command().http().await;
    for version in VERSIONS {
        let label = format!("gone {version}");
        let client = HttpClient::with_version(process.url(), version);
        let params = json!({ "name": "hold_on", "arguments": { "label": label } });
        let call = tokio::spawn(client.request("tools/call", params).send());
        wait_for(&process, "hold started", &label).await;
        call.abort();
        wait_for(&process, "hold dropped", &label).await;
        wait_for(&process, CANCELLED, &label).await;
    }
}

#[tokio::test]
async fn a_cancellation_on_stdio_drops_its_call_alone() {
    for version in [VERSIONS[0].clone(), VERSIONS[1].clone()] {
        let mut client = command().stdio();
        if !wire::is_modern(&version) {
            client.initialize(version.clone()).await;
        }
        let hold = |label: &str| {
            let params = json!({ "name": "hold_on", "arguments": { "label": label } });
            wire::request(&version, "tools/call", params)
        };
        let (one, other) = (hold("withdrawn"), hold("kept"));
        client.send(&one).await;
        client.send(&other).await;
        wait_for(client.process(), "hold started", "withdrawn").await;
        wait_for(client.process(), "hold started", "kept").await;
        let params = json!({ "requestId": one["id"], "reason": "changed my mind" });
        client.send(&wire::notification("notifications/cancelled", params)).await;
        wait_for(client.process(), "hold dropped", "withdrawn").await;
        wait_for(client.process(), CANCELLED, "withdrawn").await;
        let dropped = |line: &String| line.contains("hold dropped") && line.contains("kept");
        assert!(!client.process().log().iter().any(dropped));
        assert!(client.list_tools().await["result"].is_object(), "the session goes on");
    }
}

/// Waits for a line with both texts.
async fn wait_for(process: &mcp_testkit::ServerProcess, text: &str, label: &str) {
    process.wait_for_log_line(|line| line.contains(text) && line.contains(label)).await;
}
