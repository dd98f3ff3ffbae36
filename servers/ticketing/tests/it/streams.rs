//! Revocation, and streams that end with their token.

use std::{fs, path::Path};

use mcp_testkit::{HttpClient, ServerProcess, http::ReplyStream, until};
use serde_json::json;

use crate::issuer::{Issuer, call, now, ticketing};

async fn listen(server: &ServerProcess, token: &str) -> ReplyStream {
    let client = HttpClient::new(server.url()).bearer(token);
    let filter = json!({ "notifications": { "resourcesListChanged": true } });
    let mut stream = client.request("subscriptions/listen", filter).open().await;
    assert_eq!(stream.status, 200);
    let first = stream.next().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    stream
}

/// Runs `revoke` and returns its exit code and what it said.
async fn revoke(list: Option<&Path>, arguments: &[&str]) -> (i32, String) {
    let command = list
        .into_iter()
        .fold(ticketing(), |command, list| command.env("MCP_REVOKED_TOKENS_FILE", list));
    let output = command.args(["revoke"]).args(arguments).output().await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let issuer = Issuer::start().await;
    let server = issuer.server().env("MCP_AUTH_LEEWAY", "0s").http().await;
    let token = issuer.token(json!({ "exp": now() + 3 }));
    let mut stream = listen(&server, &token).await;
    while stream.next().await.is_some() {}
    assert_eq!(call(&server, &token).await.status, 401);
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_its_stream_ends_while_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("revoked");
    let issuer = Issuer::start().await;
    let server = issuer.server().env("MCP_REVOKED_TOKENS_FILE", &list).http().await;
    let (alice, bob) = (issuer.token(json!({})), issuer.token(json!({ "sub": "bob", "jti": "2" })));
    let mut stream = listen(&server, &alice).await;
    let (code, said) = revoke(Some(&list), &["jti", "token-1"]).await;
    assert_eq!(code, 0, "{said}");
    while stream.next().await.is_some() {}
    assert_eq!(call(&server, &alice).await.status, 401);
    assert_eq!(call(&server, &bob).await.status, 200);

    assert_eq!(revoke(Some(&list), &["sub", "bob"]).await.0, 0);
    until("bob is refused", || async { call(&server, &bob).await.status == 401 }).await;
}

#[tokio::test]
async fn revoke_writes_nothing_that_servers_could_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("revoked");
    let (code, said) = revoke(Some(&list), &["key", "0123456789abcdef", "--dry-run"]).await;
    assert_eq!((code, list.exists()), (0, false), "{said}");
    assert!(said.contains("key:0123456789abcdef"), "{said}");

    for (arguments, named) in [
        (&["key", "no-fingerprint"][..], "fingerprint"),
        (&["jti", "two words"], "value"),
        (&["jti", "a", "--until", "tomorrow"], "expected a time"),
        (&["jti", "a", "--until", "2020-01-01T00:00:00Z"], "--until"),
        (&["session", "a"], "session"),
    ] {
        let (code, said) = revoke(Some(&list), arguments).await;
        assert_eq!((code, list.exists()), (2, false), "{arguments:?}: {said}");
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
    assert!(revoke(None, &["jti", "a"]).await.1.contains("MCP_REVOKED_TOKENS_FILE is not set"));

    let until = ["jti", "a", "--until", "2999-01-01T00:00:00Z"];
    assert_eq!(revoke(Some(&list), &until).await.0, 0);
    assert_eq!(fs::read_to_string(&list).unwrap(), "jti:a until:2999-01-01T00:00:00Z\n");
    fs::write(&list, "key:nonsense\n").unwrap();
    let (code, said) = revoke(Some(&list), &["jti", "b"]).await;
    assert!(code == 2 && said.contains("line 1"), "{code}: {said}");
}

#[tokio::test]
async fn an_api_key_comes_and_goes_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    // The SHA-256 of `0123456789abcdef`.
    let entry = "[[key]]\nowner = \"carol\"\nscopes = [\"tickets:read\"]\nsha256 = \
                 \"9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f\"\n";
    fs::write(&file, "key = []").unwrap();
    let command = ticketing().env("MCP_AUTH", "api-key").env("MCP_API_KEYS_FILE", &file);
    let server = command.http().await;
    let status = async || call(&server, "0123456789abcdef").await.status;
    assert_eq!(status().await, 401);
    fs::write(&file, entry).unwrap();
    until("the key counts", async || status().await == 200).await;
    fs::write(&file, "key = 7").unwrap();
    server.wait_for_log("not usable, the last good one stays").await;
    assert_eq!(status().await, 200);
    let mut stream = listen(&server, "0123456789abcdef").await;
    fs::write(&file, "key = []").unwrap();
    while stream.next().await.is_some() {}
    until("the key is gone", async || status().await == 401).await;
}
