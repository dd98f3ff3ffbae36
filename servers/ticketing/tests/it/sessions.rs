//! Sessions of legacy clients (`MCP_SESSIONS=local`): whose they are, how they end, how many there may be.

use std::time::Duration;

use mcp_testkit::{
    HttpClient, ServerCommand, ServerProcess,
    http::{Reply, ReplyStream},
};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{LEGACY, command, failure};

const ALICE: &str = "alice-with-every-scope";
const BOB: &str = "bob-who-may-only-read";

/// A server with sessions and two principals.
struct Stage {
    server: ServerProcess,
    _keys: TempDir,
}

impl Stage {
    async fn set() -> Self {
        Self::with_idle("5m").await
    }

    /// A server whose sessions end when nothing is said for so long.
    async fn with_idle(idle: &str) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let file = keys.path().join("keys.toml");
        let entry = |owner: &str, key: &str, scopes: &str| {
            let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(key));
            format!("[[key]]\nowner = \"{owner}\"\nsha256 = \"{hash}\"\nscopes = \"{scopes}\"\n")
        };
        let alice = entry("alice", ALICE, "tickets:read tickets:write");
        std::fs::write(&file, alice + &entry("bob", BOB, "tickets:read")).unwrap();
        let command: ServerCommand = command()
            .env("MCP_SESSIONS", "local")
            .env("MCP_SESSION_IDLE", idle)
            .env("MCP_AUTH", "api-key")
            .env("MCP_API_KEYS_FILE", &file);
        Self { server: command.http().await, _keys: keys }
    }

    fn client(&self, token: &str) -> HttpClient {
        HttpClient::with_version(self.server.url(), LEGACY).bearer(token)
    }

    /// A client with a session, and the session's id.
    async fn session(&self, token: &str) -> (HttpClient, String) {
        let mut client = self.client(token);
        let id = client.initialize().await.header("mcp-session-id").to_owned();
        (client, id)
    }
}

/// Opens the stream on which the server speaks without being asked.
async fn listen(client: &HttpClient, session: Option<&str>) -> ReplyStream {
    let request = client.message(&json!({})).method(Method::GET).body("");
    let request = request.header("accept", "text/event-stream");
    match session {
        Some(id) => request.header("mcp-session-id", id).open().await,
        None => request.without_header("mcp-session-id").open().await,
    }
}

async fn list_in(client: &HttpClient, session: &str) -> Reply {
    client.request("tools/list", json!({})).header("mcp-session-id", session).send().await
}

#[tokio::test]
async fn a_session_is_unknown_to_everybody_but_its_owner() {
    let stage = Stage::set().await;
    let (alice, session) = stage.session(ALICE).await;
    assert_eq!(list_in(&alice, &session).await.status, 200);
    assert_eq!(list_in(&stage.client(BOB), &session).await.status, 404);
    assert_eq!(list_in(&stage.client(ALICE), "no-such-session").await.status, 404);
    // The owner's session is none the worse for it.
    assert_eq!(list_in(&alice, &session).await.status, 200);
}

#[tokio::test]
async fn a_request_without_a_session_id_is_refused() {
    let stage = Stage::set().await;
    let reply = stage.client(ALICE).request("tools/list", json!({})).send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["error"].as_str()),
        (400, Some("invalid_request"))
    );
}

#[tokio::test]
async fn only_its_owner_ends_a_session() {
    let stage = Stage::set().await;
    let (alice, session) = stage.session(ALICE).await;
    let end = async |client: &HttpClient| {
        let request = client.message(&json!({})).method(Method::DELETE).body("");
        request.header("mcp-session-id", &session).send().await.status.as_u16()
    };
    assert_eq!(end(&stage.client(BOB)).await, 404);
    let ended = end(&alice).await;
    assert!(ended == 200 || ended == 202, "{ended}");
    assert_eq!(list_in(&alice, &session).await.status, 404);
}

#[tokio::test]
async fn a_missing_scope_is_a_tool_result_where_the_answer_streams_already() {
    let stage = Stage::set().await;
    let (bob, session) = stage.session(BOB).await;
    let params = json!({ "name": "create_ticket", "arguments": { "title": "t", "body": "b" } });
    let reply = bob.request("tools/call", params).header("mcp-session-id", &session).send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(failure(reply.result()), "forbidden");
    let details = &reply.result()["structuredContent"]["error"]["details"];
    assert_eq!(details["required_scopes"], json!(["tickets:write"]));
}

#[tokio::test]
async fn a_client_has_sixteen_sessions_and_no_more() {
    let stage = Stage::set().await;
    for _ in 0..16 {
        assert_eq!(stage.client(ALICE).initialize().await.status, 200);
    }
    let mut one_too_many = stage.client(ALICE);
    let reply = one_too_many.initialize().await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (503, Some("overloaded")));
    // Another principal is not affected.
    assert_eq!(stage.client(BOB).initialize().await.status, 200);
}

#[tokio::test]
async fn a_subscriber_hears_of_a_change_on_the_stream_of_its_session() {
    let stage = Stage::set().await;
    let (alice, session) = stage.session(ALICE).await;
    let (bob, other) = stage.session(BOB).await;
    let new = json!({ "title": "Printer", "body": "Jams" });
    alice.call_tool("create_ticket", new).await;
    let subscribed = alice.request("resources/subscribe", json!({ "uri": "ticket://T-1" }));
    assert_eq!(*subscribed.send().await.result(), json!({}));

    let mut stream = listen(&alice, Some(&session)).await;
    assert_eq!(stream.status, 200);
    alice.call_tool("add_comment", json!({ "id": "T-1", "body": "Still jams" })).await;
    let told = stream.next().await.expect("a notification");
    assert_eq!(told["method"], "notifications/resources/updated", "{told}");
    assert_eq!(told["params"]["uri"], "ticket://T-1");

    // The stream is its owner's alone, and there is none without a session.
    assert_eq!(listen(&bob, Some(&session)).await.status, 404);
    assert_eq!(listen(&bob, None).await.status, 400);
    assert_eq!(listen(&bob, Some(&other)).await.status, 200);
    let stateless = command().http().await;
    let legacy = HttpClient::with_version(stateless.url(), LEGACY);
    assert_eq!(listen(&legacy, None).await.status, 405);
}

#[tokio::test]
async fn a_session_in_which_nothing_is_said_ends_and_its_place_is_free_again() {
    let stage = Stage::with_idle("1s").await;
    let (alice, session) = stage.session(ALICE).await;
    let mut stream = listen(&alice, Some(&session)).await;
    while stream.next().await.is_some() {}
    assert_eq!(list_in(&alice, &session).await.status, 404);
    for _ in 0..2 {
        for _ in 0..16 {
            assert_eq!(stage.client(ALICE).initialize().await.status, 200);
        }
        tokio::time::sleep(Duration::from_millis(2_500)).await;
    }
}
