//! Collections that come and go, and fields that are hidden, while the server runs.

use std::fs;

use mcp_testkit::{HttpClient, InternalApi, until};
use serde_json::{Value, json};

use crate::stage::command;

#[tokio::test]
async fn collections_and_who_sees_which_field_follow_the_file() {
    let (api, file) = (InternalApi::start().await, tempfile::NamedTempFile::new().unwrap());
    let describe = |allowed: &str, scope: &str| {
        let text = format!(
            "internal_collections = {allowed:?}\n[collections.users.fields]\nid = {{}}\nname = {{ {scope} }}\n"
        );
        fs::write(file.path(), text).unwrap();
    };
    describe("users", "");
    let command = command().env("INTERNAL_API_URL", api.url()).env("MCP_CONFIG", file.path());
    let server = command.http().await;
    let client = HttpClient::new(server.url());
    let ask = async |collection: &str| -> Value {
        let arguments = json!({ "collection": collection, "filters": { "limit": 1 } });
        client.call_tool("query_data", arguments).await.result().clone()
    };
    let is_forbidden = |result: &Value| result["structuredContent"]["error"]["code"] == "forbidden";
    assert!(is_forbidden(&ask("orders").await));
    let shown = ask("users").await["structuredContent"]["records"][0]["name"].clone();
    assert!(shown.is_string() && shown != "[redacted]", "{shown}");

    describe("users,orders", "scope = \"hr:read\"");
    until("orders are offered", async || !is_forbidden(&ask("orders").await)).await;
    // What was kept of an answer before it was hidden is not shown any more.
    let hidden = ask("users").await["structuredContent"]["records"][0]["name"].clone();
    assert_eq!(hidden, "[redacted]");

    describe("users", "scope = \"no scope\"");
    server.wait_for_log("the last good one stays").await;
    assert!(!is_forbidden(&ask("orders").await));
}
