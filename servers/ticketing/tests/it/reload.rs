//! What takes effect while the server runs: by a file that changes, and by SIGHUP.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mcp_testkit::{HttpClient, Postgres, Redis, ServerCommand, ServerProcess, http::Reply, until};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{basic_auth, method, path},
};

use crate::issuer::{Issuer, call, get, ticketing};
use crate::support::{Keys, failure};
use crate::writes::ticket;

/// The files of a deployment.
struct Files(TempDir);

impl Files {
    /// A folder with this configuration in it.
    fn with(configuration: &str) -> Self {
        let files = Self(TempDir::new().unwrap());
        files.configure(configuration);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Another configuration, with whatever every server of these tests has.
    fn configure(&self, text: &str) {
        self.write("config.toml", text);
    }

    /// A server that is configured by these files alone.
    fn command(&self) -> ServerCommand {
        ticketing().env("MCP_CONFIG", self.path("config.toml"))
    }
}

async fn search(server: &ServerProcess) -> Reply {
    let client = HttpClient::new(server.url());
    client.call_tool("search_tickets", json!({ "query": "printer" })).await
}

/// The code of a search that fails.
async fn refusal(server: &ServerProcess) -> String {
    failure(search(server).await.result()).to_owned()
}

async fn tools(server: &ServerProcess) -> Vec<Value> {
    let listed = HttpClient::new(server.url()).list_tools().await;
    listed.result()["tools"].as_array().unwrap().clone()
}

/// What `/health` says of the files, and `/ready` of the server.
async fn health(server: &ServerProcess) -> (bool, u16) {
    let health = get(server, "/health").await;
    let is_ok = health.json()["checks"]["configuration"]["ok"].as_bool().unwrap();
    assert_eq!(health.status == 200, is_ok, "{}", health.body);
    (is_ok, get(server, "/ready").await.status.as_u16())
}

fn lines(server: &ServerProcess, text: &str) -> usize {
    server.log().iter().filter(|line| line.contains(text)).count()
}

const IN_FORCE: &str = "the configuration changed and is in force";
const KEPT: &str = "not usable, the last good one stays";

#[tokio::test]
async fn a_quota_is_tightened_and_loosened_and_others_go_on_counting() {
    let files = Files::with("rate_limit_read = \"1000/1h\"\nrate_limit_write = \"2/1h\"\n");
    let server = files.command().http().await;
    let write = async |key: &str| {
        let reply =
            HttpClient::new(server.url()).call_tool("create_ticket", ticket("t", key)).await;
        failure(reply.result()).to_owned()
    };
    assert_eq!((write("1").await, write("2").await), (String::new(), String::new()));
    assert_eq!(refusal(&server).await, "");

    files.configure("rate_limit_read = \"1/1h\"\nrate_limit_write = \"2/1h\"\n");
    until("the reads are limited", async || refusal(&server).await == "rate_limited").await;
    assert_eq!(write("3").await, "rate_limited", "what has not changed is not forgiven");
    let line = server.wait_for_log(IN_FORCE).await;
    assert!(line.contains("\"settings\":\"MCP_RATE_LIMIT_READ\""), "{line}");

    files.configure(
        "rate_limit_read = \"1000/1h\"\nrate_limit_write = \"2/1h\"\nrate_limit = \"off\"\n",
    );
    until("the reads are free again", async || refusal(&server).await.is_empty()).await;
}

#[tokio::test]
async fn a_change_is_in_force_within_a_second() {
    let files = Files::with("mcp_tools = \"search_tickets\"");
    let server = files.command().http().await;
    let mut seen = Vec::new();
    // A loaded machine may take longer now and then. It does not do so every time.
    for _ in 0..8 {
        for wanted in [1, 2] {
            let names = ["search_tickets", "get_ticket"][..wanted].join(",");
            files.configure(&format!("mcp_tools = {names:?}"));
            let changed = Instant::now();
            until("the tools are others", async || tools(&server).await.len() == wanted).await;
            seen.push(changed.elapsed());
        }
        if seen.iter().rev().take(2).all(|took| *took < Duration::from_secs(1)) {
            return;
        }
    }
    panic!("{seen:?}");
}

#[tokio::test]
async fn what_is_offered_and_on_which_terms_follows_the_file() {
    let files = Files::with("");
    let server = files.command().http().await;
    assert_eq!(tools(&server).await.len(), 6);
    let writes = async || HttpClient::new(server.url()).call_tool("create_ticket", json!({})).await;

    files.configure(
        "read_only = true\n[tools.search_tickets]\ndeadline = \"3s\"\nrate_limit = \"1/1h\"\n",
    );
    until("writes are gone", async || tools(&server).await.len() == 2).await;
    assert_eq!(writes().await.json()["error"]["code"], -32602);
    let tool = tools(&server).await.into_iter().find(|it| it["name"] == "search_tickets").unwrap();
    let told = tool["description"].as_str().unwrap().to_owned();
    assert!(told.contains("answers within 3 s"), "{told}");
    assert_eq!(refusal(&server).await, "");
    assert_eq!(refusal(&server).await, "rate_limited");

    files.configure("idempotency = \"required\"");
    until("writes are back", async || tools(&server).await.len() == 6).await;
    let reply = HttpClient::new(server.url())
        .call_tool("create_ticket", json!({ "title": "t", "body": "b" }))
        .await;
    assert_eq!(failure(reply.result()), "invalid_input", "{}", reply.body);
    // The tool of a new series is counted under its name.
    let figures = get(&server, "/metrics").await.body;
    assert!(figures.contains("gen_ai_tool_name=\"create_ticket\""), "{figures}");
}

#[tokio::test]
async fn who_may_ask_follows_the_file() {
    let files = Files::with("");
    let server = files.command().http().await;
    let ask = async |header: &str, value: &str| {
        let request = HttpClient::new(server.url()).request("tools/list", Value::Null);
        request.header(header, value).send().await.status.as_u16()
    };
    assert_eq!(ask("host", "tickets.example").await, 403);
    assert_eq!(ask("origin", "https://app.example").await, 403);
    files.configure(
        "allowed_hosts = [\"tickets.example\", \"127.0.0.1\"]\nallowed_origins = [\"https://app.example\"]\n\
         admin_allow = \"192.0.2.0/24\"\n",
    );
    until("the host is ours", async || ask("host", "tickets.example").await == 200).await;
    assert_eq!(ask("origin", "https://app.example").await, 200);
    assert_eq!(ask("host", "localhost").await, 403);
    assert_eq!(get(&server, "/metrics").await.status, 404);
}

#[tokio::test]
async fn the_level_of_the_log_follows_the_file() {
    let files = Files::with("log_level = \"info\"");
    let server = files.command().http().await;
    let refused = async || {
        let request = HttpClient::new(server.url()).request("tools/list", Value::Null);
        request.header("host", "evil.example").send().await;
        lines(&server, "request refused")
    };
    until("refusals are logged", async || refused().await > 0).await;
    files.configure("log_level = \"error\"");
    until("refusals are not logged any more", async || {
        let before = refused().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        refused().await == before
    })
    .await;
    let before = lines(&server, "request refused");
    files.configure("log_level = \"info\"");
    until("refusals are logged again", async || refused().await > before).await;
}

#[tokio::test]
async fn a_broken_file_leaves_the_last_good_one_and_is_told_until_it_is_mended() {
    let files = Files::with("rate_limit_read = \"1/1h\"");
    let server = files.command().http().await;
    assert_eq!(health(&server).await, (true, 200));
    assert_eq!(refusal(&server).await, "");
    for (number, (broken, told)) in [
        ("rate_limit_read = \"canary\"", "MCP_RATE_LIMIT_READ (from file "),
        ("rate_limit_read = \"9/1h\"\nrate_limit_red = 1", "the nearest is `rate_limit_read`"),
        ("rate_limit_read = ", "is not valid TOML at line 1"),
        ("rate_limit_read = \"9/1h\"\nlog_level = \"canary=canary=\"", "RUST_LOG"),
        ("rate_limit_read = \"9/1h\"\nmcp_tools = \"canary\"", "MCP_TOOLS"),
        ("rate_limit_read = \"9/1h\"\nsessions = \"redis\"", "MCP_SESSIONS"),
    ]
    .into_iter()
    .enumerate()
    {
        files.configure(broken);
        let is_told = |line: &str| line.contains(KEPT) && line.contains(told);
        let line = server.wait_for_log_line(is_told).await;
        assert!(told == "MCP_TOOLS" || !line.contains("canary"), "{line}");
        assert_eq!(health(&server).await, (false, 200), "{broken}");
        assert_eq!(refusal(&server).await, "rate_limited", "{broken}");
        let figures = get(&server, "/metrics").await.body;
        let failed =
            format!("\nmcp_server_config_reloads_total{{result=\"failed\"}} {}\n", number + 1);
        assert!(figures.contains(&failed), "{figures}");
        assert!(figures.contains("\nmcp_server_config_last_reload_ok 0\n"), "{figures}");
    }
    files.configure("rate_limit_read = \"9/1h\"");
    until("the file is mended", async || health(&server).await == (true, 200)).await;
    assert_eq!(refusal(&server).await, "");
    let figures = get(&server, "/metrics").await.body;
    assert!(figures.contains("\nmcp_server_config_reloads_total{result=\"ok\"} 1\n"), "{figures}");
    assert!(figures.contains("\nmcp_server_config_last_reload_ok 1\n"), "{figures}");
}

#[tokio::test]
async fn what_needs_another_start_is_named_in_one_line() {
    let files = Files::with("");
    let server = files.command().http().await;
    files.configure("max_body = \"2 MiB\"\naudit_reads = true\nrate_limit_read = \"7/1h\"\n");
    let line =
        server.wait_for_log("these settings take effect when the server is started again").await;
    assert!(line.contains("\"settings\":\"MCP_AUDIT_READS, MCP_MAX_BODY\""), "{line}");
    let line = server.wait_for_log(IN_FORCE).await;
    assert!(line.contains("\"settings\":\"MCP_RATE_LIMIT_READ\""), "{line}");
    // Not again with a change that does not concern them.
    files.configure("max_body = \"2 MiB\"\naudit_reads = true\nrate_limit_read = \"8/1h\"\n");
    until("the next change is in force", async || lines(&server, IN_FORCE) == 2).await;
    assert_eq!(lines(&server, "when the server is started again"), 1);
    assert_eq!(health(&server).await, (true, 200));
}

#[tokio::test]
async fn sighup_has_everything_read_again_and_ends_nothing() {
    let (files, keys) = (Files::with("rate_limit_read = \"1000/1h\""), Keys::new());
    let server = keys.command(&files.command()).http().await;
    for round in 1..=3 {
        server.signal(Signal::SIGHUP);
        until("it is told", async || lines(&server, "as SIGHUP asks") == round).await;
    }
    files.configure("rate_limit_read = \"1/1h\"");
    server.signal(Signal::SIGHUP);
    let client = HttpClient::new(server.url()).bearer(Keys::BOTH);
    until("the reads are limited", async || {
        let reply = client.call_tool("search_tickets", json!({ "query": "printer" })).await;
        failure(reply.result()) == "rate_limited"
    })
    .await;
    assert_eq!(health(&server).await, (true, 200));
}

#[tokio::test]
async fn a_stdio_server_takes_its_file_and_sighup_too() {
    let files = Files::with("");
    let scopes = "tickets:read tickets:write";
    let mut client = files.command().env("MCP_STDIO_SCOPES", scopes).stdio();
    let count = |listed: Value| listed["result"]["tools"].as_array().unwrap().len();
    assert_eq!(count(client.list_tools().await), 6);
    client.process().signal(Signal::SIGHUP);
    client.process().wait_for_log("as SIGHUP asks").await;
    files.configure("read_only = true");
    let started = Instant::now();
    while count(client.list_tools().await) != 2 {
        assert!(started.elapsed() < Duration::from_secs(10), "the file is not read again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(client.close().await.success());
}

#[tokio::test]
async fn another_redis_takes_over_once_it_answers() {
    let (first, second) = (Redis::shared().database(), Redis::shared().database());
    let files = Files::with("rate_limit = \"5/1h\"");
    files.write("redis", first.url());
    let server = files.command().env("REDIS_URL_FILE", files.path("redis")).http().await;
    let ask = async || HttpClient::new(server.url()).list_tools().await.status.as_u16();
    for _ in 0..6 {
        ask().await;
    }
    assert_eq!(ask().await, 429);

    // Nothing listens there.
    files.write("redis", "redis://:canary@127.0.0.1:9/");
    let line = server.wait_for_log(KEPT).await;
    assert!(line.contains("REDIS_URL") && !line.contains("canary"), "{line}");
    assert_eq!(health(&server).await, (false, 200));
    assert_eq!(ask().await, 429, "the first one goes on");

    files.write("redis", second.url());
    until("the second one counts", async || ask().await == 200).await;
    assert!(second.command(&["KEYS", "mcp:ticketing:quota:*"]).contains("client"));
    until("all is well", async || health(&server).await == (true, 200)).await;
    assert_eq!(get(&server, "/health").await.json()["checks"]["redis"]["ok"], true);
}

/// A database that asks its callers for a password, and a role with one.
fn guarded() -> (Postgres, mcp_testkit::TestDatabase) {
    let hba = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    let postgres = Postgres::dedicated_with(&[], &[("pg_hba.conf", hba)]);
    let database = postgres.database();
    database.psql("CREATE ROLE tickets LOGIN SUPERUSER PASSWORD 'first'");
    (postgres, database)
}

#[tokio::test]
async fn a_new_password_of_the_database_is_taken_while_calls_run_and_none_fails() {
    let (_postgres, database) = guarded();
    let url = |password: &str| database.url().replace("postgres@", &format!("tickets:{password}@"));
    let files = Files::with(
        "rate_limit = \"off\"\nrate_limit_read = \"off\"\nrate_limit_write = \"off\"\n",
    );
    files.write("database", &url("first"));
    let server = files
        .command()
        .env("DATABASE_URL", "")
        .env("DATABASE_URL_FILE", files.path("database"))
        .http()
        .await;
    let (stop, stopped) = watch::channel(false);
    let line = |line: usize| {
        let (client, stopped) = (HttpClient::new(server.url()), stopped.clone());
        tokio::spawn(async move {
            let mut calls = 0;
            while !*stopped.borrow() {
                let key = format!("{line}-{calls}");
                let reply = client.call_tool("create_ticket", ticket(&key, &key)).await;
                assert_eq!(failure(reply.result()), "", "{}", reply.body);
                calls += 1;
            }
            calls
        })
    };
    let lines: Vec<_> = (0..4).map(line).collect();
    let sessions = || {
        let sql =
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'mcp-ticketing' ORDER BY 1";
        database.psql(sql).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    until("there are connections", async || !sessions().is_empty()).await;
    let before = sessions();

    // The file may come first, and is tried until the database knows the password.
    files.write("database", &url("second"));
    let line = server.wait_for_log(KEPT).await;
    let told = "DATABASE_URL: the ticket database refuses this server's role or its password";
    assert!(line.contains(told) && !line.contains("second"), "{line}");
    assert_eq!(health(&server).await, (false, 200));
    database.psql("ALTER ROLE tickets PASSWORD 'second'");
    let line = server.wait_for_log(IN_FORCE).await;
    assert!(line.contains("\"settings\":\"DATABASE_URL\""), "{line}");
    until("the old connections have ended", async || {
        let now = sessions();
        !now.is_empty() && before.iter().all(|old| !now.contains(old))
    })
    .await;
    assert_eq!(health(&server).await, (true, 200));
    stop.send_replace(true);
    let mut calls = 0;
    for line in lines {
        calls += line.await.unwrap();
    }
    assert_eq!(database.psql("SELECT count(*) FROM tickets"), calls.to_string());
}

#[tokio::test]
async fn a_new_secret_of_introspection_is_used_and_the_one_before_is_tried_where_it_is_refused() {
    let issuer = Issuer::silent().await;
    let vouch = async |secret: &str, token: &str| {
        let body = json!({ "active": true, "sub": token, "scope": "tickets:read" });
        Mock::given(method("POST"))
            .and(path("/introspect"))
            .and(basic_auth("tickets", secret))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&issuer.0)
            .await;
    };
    vouch("first", "a").await;
    let files = Files::with("");
    files.write("secret", "first\n");
    let server = issuer
        .server()
        .env("MCP_CONFIG", files.path("config.toml"))
        .env("MCP_AUTH_INTROSPECTION_URL", format!("{}/introspect", issuer.name()))
        .env("MCP_AUTH_INTROSPECTION_CLIENT_ID", "tickets")
        .env("MCP_AUTH_INTROSPECTION_CLIENT_SECRET_FILE", files.path("secret"))
        .http()
        .await;
    assert_eq!(call(&server, "one").await.status, 200);
    files.write("secret", "second\n");
    server.wait_for_log(IN_FORCE).await;
    // The endpoint does not know the new one yet.
    assert_eq!(call(&server, "two").await.status, 200);
    issuer.0.reset().await;
    vouch("second", "a").await;
    assert_eq!(call(&server, "three").await.status, 200);
    let asked = issuer.0.received_requests().await.unwrap();
    assert_eq!(asked.iter().filter(|it| it.method == Method::POST).count(), 1);
}

#[tokio::test]
async fn who_a_certificate_lets_in_is_told_by_the_last_good_list() {
    // The list of certificates is a part of the configuration; `mtls` without one lets nobody in and is refused.
    let files = Files::with("[auth.certificates]\n\"CN=reader\" = \"tickets:read\"\n");
    let server = files.command().http().await;
    files.configure("[auth.certificates]\n\"CN=reader\" = \"no scope\\u0007\"\n");
    let line = server.wait_for_log(KEPT).await;
    assert!(line.contains("auth.certificates"), "{line}");
}
