//! What Redis is to one server: its probes, its figures, `doctor`, and revocations that reach every stream.

use std::time::{Duration, Instant};

use mcp_testkit::{HttpClient, Redis, ServerCommand, until};
use serde_json::{Value, json};

use crate::issuer::{Issuer, call, get, ticketing};
use crate::support::{LEGACY, command, failure};

#[tokio::test]
async fn probes_and_figures_tell_of_redis_and_of_every_change() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let shared = command().env("REDIS_URL", database.url());
    let local = shared.http().await;
    let deny = shared.env("MCP_REDIS_DOWN", "deny").http().await;
    for server in [&local, &deny] {
        assert_eq!(get(server, "/ready").await.status, 200);
        let health = get(server, "/health").await;
        assert_eq!(health.json()["checks"]["redis"]["ok"], true, "{}", health.body);
    }
    redis.stop();
    for (server, mode, ready) in [(&local, "local", 200), (&deny, "deny", 503)] {
        let line = server.wait_for_log("redis does not answer").await;
        assert!(line.contains(&format!("\"mode\":\"{mode}\"")), "{line}");
        assert_eq!(get(server, "/ready").await.status.as_u16(), ready, "{mode}");
        let health = get(server, "/health").await;
        assert_eq!(health.status, 503);
        assert_eq!(health.json()["checks"]["redis"]["ok"], false, "{}", health.body);
        let figures = get(server, "/metrics").await.body;
        assert!(figures.contains("\nmcp_redis_up 0\n"), "{figures}");
        assert!(figures.contains("\nmcp_redis_mode_changes_total 1\n"), "{figures}");
    }
    redis.start();
    for server in [&local, &deny] {
        server.wait_for_log("redis answers again").await;
        assert_eq!(get(server, "/ready").await.status, 200);
        let figures = get(server, "/metrics").await.body;
        assert!(figures.contains("\nmcp_redis_up 1\n"), "{figures}");
        assert!(figures.contains("\nmcp_redis_mode_changes_total 2\n"), "{figures}");
    }
}

#[tokio::test]
async fn without_redis_local_replicas_serve_and_strict_ones_refuse() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let shared = command().env("REDIS_URL", database.url()).env("MCP_RATE_LIMIT_WRITE", "600/1m");
    let local = shared.http().await;
    let deny = shared.env("MCP_REDIS_DOWN", "deny").http().await;
    redis.stop();
    let new = json!({ "title": "t", "body": "b", "idempotency_key": "k" });
    let [local_client, deny_client] = [&local, &deny].map(|it| HttpClient::new(it.url()));
    // The store of tickets remembers writes itself, so even keyed ones go on.
    let reply = local_client.call_tool("create_ticket", new.clone()).await;
    assert_eq!(failure(reply.result()), "", "{}", reply.body);
    let reply = deny_client.call_tool("create_ticket", new.clone()).await;
    assert_eq!(failure(reply.result()), "unavailable", "{}", reply.body);
    redis.start();
    deny.wait_for_log("redis answers again").await;
    let reply = deny_client.call_tool("create_ticket", new).await;
    assert_eq!(failure(reply.result()), "", "{}", reply.body);
}

#[tokio::test]
async fn a_strict_server_answers_503_where_a_client_cannot_be_counted() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    redis.stop();
    let strict = command().env("REDIS_URL", database.url()).env("MCP_REDIS_DOWN", "deny");
    let server = strict.env("MCP_RATE_LIMIT", "100/1m").http().await;
    let reply = HttpClient::new(server.url()).list_tools().await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (503, Some("overloaded")));
    assert_eq!(reply.header("retry-after"), "1");
    redis.start();
    server.wait_for_log("redis answers again").await;
    assert_eq!(HttpClient::new(server.url()).list_tools().await.status, 200);
}

#[tokio::test]
async fn doctor_says_whether_redis_answers() {
    let redis = Redis::shared().database();
    let finding = async |url: &str| {
        let output = command().env("REDIS_URL", url).args(["doctor", "--json"]).output().await;
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = told["findings"].as_array().unwrap();
        let finding = findings.iter().find(|it| it["name"] == "redis").unwrap();
        (output.status.code(), finding["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(finding(redis.url()).await, (Some(0), "ok".to_owned()));
    // Port 9 discards; nothing listens there.
    assert_eq!(finding("redis://127.0.0.1:9/").await, (Some(1), "fail".to_owned()));
}

#[tokio::test]
async fn the_url_of_redis_may_stand_in_a_file_and_is_never_shown() {
    let redis = Redis::shared().database();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}\n", redis.url())).unwrap();
    let command = command().env("REDIS_URL_FILE", file.path());
    let shown = command.clone().args(["config", "show"]).output().await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("REDIS_URL") && !shown.contains("redis://"), "{shown}");
    let server = command.env("MCP_RATE_LIMIT", "5/1h").http().await;
    assert_eq!(HttpClient::new(server.url()).list_tools().await.status, 200);
    assert!(redis.command(&["KEYS", "mcp:ticketing:quota:*"]).contains("client"));
}

/// Runs `revoke` where replicas share Redis.
async fn revoke(redis: &str, arguments: &[&str]) -> String {
    let command: ServerCommand = ticketing().env("REDIS_URL", redis);
    let output = command.args(["revoke"]).args(arguments).output().await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_is_revoked_in_redis_is_refused_by_every_replica_and_its_streams_end() {
    let redis = Redis::shared().database();
    let issuer = Issuer::start().await;
    let command = issuer.server().env("REDIS_URL", redis.url());
    let replicas = [command.http().await, command.http().await];
    let alice = issuer.token(json!({}));
    let bob = issuer.token(json!({ "sub": "bob", "jti": "2", "iat": crate::issuer::now() - 60 }));
    for server in &replicas {
        assert_eq!(call(server, &alice).await.status, 200);
        assert_eq!(call(server, &bob).await.status, 200);
    }
    let client = HttpClient::new(replicas[1].url()).bearer(&alice);
    let filter = json!({ "notifications": { "resourcesListChanged": true } });
    let mut stream = client.request("subscriptions/listen", filter).open().await;
    assert_eq!(stream.status, 200);

    let said = revoke(redis.url(), &["jti", "token-1", "--dry-run"]).await;
    assert!(said.contains("would add to redis"), "{said}");
    assert_eq!(redis.command(&["EXISTS", "revoked:token-1"]), "0");
    let started = Instant::now();
    revoke(redis.url(), &["jti", "token-1", "--until", "2999-01-01T00:00:00Z"]).await;
    while stream.next().await.is_some() {}
    for server in &replicas {
        until("alice is refused", || async { call(server, &alice).await.status == 401 }).await;
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let ttl: i64 = redis.command(&["TTL", "revoked:token-1"]).parse().unwrap();
    assert!(ttl > 1_000_000, "the entry lapses with its credential: {ttl}");

    // By its subject: what was issued before is refused, what is issued from now on is not.
    assert_eq!(call(&replicas[0], &bob).await.status, 200);
    revoke(redis.url(), &["sub", "bob"]).await;
    until("bob is refused", || async { call(&replicas[0], &bob).await.status == 401 }).await;
    let renewed = json!({ "sub": "bob", "jti": "3", "iat": crate::issuer::now() + 2 });
    let renewed = issuer.token(renewed);
    assert_eq!(call(&replicas[0], &renewed).await.status, 200);
}

#[tokio::test]
async fn a_revocation_that_was_seen_outlives_redis_and_nobody_is_let_in_unseen_where_deny() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let issuer = Issuer::start().await;
    let command = issuer.server().env("REDIS_URL", database.url());
    let local = command.http().await;
    let deny = command.env("MCP_REDIS_DOWN", "deny").http().await;
    let (alice, bob) = (issuer.token(json!({})), issuer.token(json!({ "sub": "bob", "jti": "2" })));
    revoke(database.url(), &["jti", "token-1"]).await;
    assert_eq!(call(&local, &alice).await.status, 401);
    redis.stop();
    // Longer than an answer counts.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(call(&local, &alice).await.status, 401);
    assert_eq!(call(&local, &bob).await.status, 200);
    assert_eq!(call(&deny, &bob).await.status, 503);
}

#[tokio::test]
async fn without_redis_shared_sessions_are_refused_and_requests_without_one_are_served() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let command = command().env("REDIS_URL", database.url()).env("MCP_SESSIONS", "redis");
    let server = command.http().await;
    let mut legacy = HttpClient::with_version(server.url(), LEGACY);
    assert_eq!(legacy.initialize().await.status, 200);
    redis.stop();
    assert_eq!(legacy.list_tools().await.status, 503);
    assert_eq!(HttpClient::new(server.url()).list_tools().await.status, 200);
    redis.start();
    server.wait_for_log("redis answers again").await;
    assert_eq!(legacy.list_tools().await.status, 200, "the session has outlived the restart");
}
