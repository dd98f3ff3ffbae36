//! The key that the internal API knows us by: sent, read again, tried once more when it is new, and never told.

use std::time::Duration;

use mcp_testkit::{HttpClient, InternalApi};
use serde_json::json;

use crate::stage::command;

#[tokio::test]
async fn a_key_of_the_environment_is_sent_and_never_told() {
    let api = InternalApi::start().await;
    api.accept_keys(&["hunter2"]);
    for (key, code) in [("hunter2", None), ("hunter3", Some("upstream_error"))] {
        let command = command().env("INTERNAL_API_URL", api.url()).env("INTERNAL_API_KEY", key);
        let shown = command.clone().args(["config", "show"]).output().await.stdout;
        assert!(!String::from_utf8(shown).unwrap().contains("hunter"));
        let server = command.env("RUST_LOG", "debug").http().await;
        let client = HttpClient::new(server.url());
        let reply = client.call_tool("get_user_profile", json!({ "userId": "u-1" })).await;
        assert_eq!(reply.result()["structuredContent"]["error"]["code"].as_str(), code);
        assert!(!reply.body.contains("hunter") && !server.log().join("\n").contains("hunter"));
    }
}

#[tokio::test]
async fn a_rotation_goes_unnoticed() {
    let api = InternalApi::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let server = {
        std::fs::write(file.path(), "first\n").unwrap();
        let command = command().env("INTERNAL_API_KEY_FILE", file.path());
        command.env("INTERNAL_API_URL", api.url()).http().await
    };
    let client = HttpClient::new(server.url());
    let ask = async |number: usize| {
        let id = json!({ "userId": format!("u-{number}") });
        let reply = client.call_tool("get_user_profile", id).await;
        assert_ne!(reply.result()["isError"], true, "{}", reply.body);
    };
    api.accept_keys(&["first"]);
    ask(1).await;
    // The file is replaced before the API knows of the new key: the old one is tried again.
    std::fs::write(file.path(), "second\n").unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    ask(2).await;
    assert_eq!(api.requests().len(), 3);
    api.accept_keys(&["first", "second"]);
    ask(3).await;
    api.accept_keys(&["second"]);
    ask(4).await;
    assert_eq!(api.requests().len(), 5);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_or_sent_is_named_at_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2\nhunter2").unwrap();
    let command = command().env("INTERNAL_API_URL", "http://127.0.0.1:1");
    for command in [
        command.clone().env("INTERNAL_API_KEY", "hunter2\u{7f}"),
        command.clone().env("INTERNAL_API_KEY_FILE", "/no/such/hunter"),
        command.env("INTERNAL_API_KEY_FILE", file.path()),
    ] {
        let output = command.args(["http", "--listen", "127.0.0.1:0"]).output().await;
        let problem = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{problem}");
        assert!(problem.contains("INTERNAL_API_KEY") && !problem.contains("hunter2"), "{problem}");
    }
}
