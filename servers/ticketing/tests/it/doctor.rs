//! Deployments that a deploy gate must not let through unseen: what `doctor` says of each.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use mcp_testkit::{Diagnosis, ServerCommand};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::issuer::Issuer;

/// A deployment as it should be: reachable through a proxy, with keys that end, its files its own.
struct Deployment {
    files: TempDir,
}

impl Deployment {
    fn new() -> Self {
        let deployment = Self { files: TempDir::new().unwrap() };
        deployment.file(
            "keys.toml",
            0o600,
            &key("ci", "5f3b7c1e9d2a4806b1c7", "tickets:read", YEARS),
        );
        deployment.file("revoked", 0o600, "");
        deployment
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn file(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn command(&self) -> ServerCommand {
        let database = format!("sqlite:{}", self.path("tickets.db").display());
        self.file("tickets.db", 0o600, "");
        ServerCommand::new(env!("CARGO_BIN_EXE_mcp-ticketing"))
            .env("DATABASE_URL", database)
            .env("MCP_LISTEN", "0.0.0.0:8080")
            .env("MCP_TLS_TERMINATED", "true")
            .env("MCP_TRUSTED_PROXIES", "10.0.0.5")
            .env("MCP_PUBLIC_URL", "https://tickets.example/mcp")
            .env("MCP_AUTH", "api-key")
            .env("MCP_API_KEYS_FILE", self.path("keys.toml"))
            .env("MCP_REVOKED_TOKENS_FILE", self.path("revoked"))
            .env("MCP_AUDIT_LOG", self.path("audit.jsonl"))
    }
}

const YEARS: &str = "expires_at = 2099-01-01T00:00:00Z";

fn key(owner: &str, key: &str, scopes: &str, more: &str) -> String {
    let hash = hex::encode(Sha256::digest(key));
    format!("[[key]]\nowner = \"{owner}\"\nsha256 = \"{hash}\"\nscopes = \"{scopes}\"\n{more}\n")
}

#[tokio::test]
async fn a_deployment_as_it_should_be_passes_the_gate() {
    let deployment = Deployment::new();
    let diagnosis = Diagnosis::of(&deployment.command()).await;
    assert_eq!(diagnosis.code, 0, "{:#}", diagnosis.report);
    for name in ["exposure", "files", "audit", "quotas", "store", "revocations"] {
        assert!(diagnosis.tells("ok", name, ""), "{name}: {:#}", diagnosis.report);
    }
    let table = deployment.command().args(["doctor"]).output().await;
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.lines().last().unwrap().starts_with("0 unsafe or broken, "), "{table}");
}

/// Variables that make the good deployment a bad one, and what is said of it.
type Row = (&'static [(&'static str, &'static str)], (&'static str, &'static str, &'static str));

const BAD: &[Row] = &[
    (&[("MCP_AUTH", "none")], ("fail", "exposure", "needs credentials")),
    (&[("MCP_TLS_TERMINATED", "false")], ("fail", "exposure", "needs TLS")),
    (
        &[("MCP_LISTEN", "127.0.0.1:8080"), ("MCP_AUTH", "none")],
        ("fail", "exposure", "whoever it lets through may do everything"),
    ),
    (&[("MCP_TRUSTED_PROXIES", "0.0.0.0/0")], ("fail", "proxies", "0.0.0.0/0")),
    (&[("MCP_TRUSTED_PROXIES", "::/0")], ("fail", "proxies", "::/0")),
    (&[("MCP_TRUSTED_PROXIES", "")], ("warn", "proxies", "has the proxy's address")),
    (&[("MCP_ALLOWED_HOSTS", "*")], ("fail", "hosts", "MCP_ALLOWED_HOSTS has a `*`")),
    (&[("MCP_ALLOWED_ORIGINS", "*")], ("fail", "origins", "MCP_ALLOWED_ORIGINS has a `*`")),
    (&[("MCP_ALLOWED_ORIGINS", "null")], ("fail", "origins", "which any page can be")),
    (&[("MCP_ALLOWED_ORIGINS", "http://app.example")], ("fail", "origins", "plain http")),
    (&[("MCP_ADMIN_ALLOW", "0.0.0.0/0")], ("fail", "operators", "anybody sees the metrics")),
    (&[("MCP_ADMIN_LISTEN", "0.0.0.0:9090")], ("warn", "operators", "set MCP_ADMIN_ALLOW")),
    (&[("MCP_PUBLIC_URL", "http://tickets.example/mcp")], ("fail", "public url", "plain http")),
    (&[("MCP_PUBLIC_URL", "")], ("warn", "hosts", "set MCP_PUBLIC_URL")),
    (&[("MCP_SESSIONS", "local")], ("warn", "sessions", "second replica")),
    (&[("MCP_REVOKED_TOKENS_FILE", "")], ("warn", "revocations", "set MCP_REVOKED_TOKENS_FILE")),
    (&[("MCP_API_KEYS", "Zk8vQ2xM7rT4wN9p")], ("warn", "plain keys", "MCP_API_KEYS_FILE")),
    (&[("MCP_API_KEYS", "changeme-changeme")], ("fail", "weak keys", "key 1 can be guessed")),
    (&[("MCP_AUDIT_LOG", "off")], ("fail", "audit", "MCP_AUDIT_LOG is off while write tools")),
    (&[("MCP_AUDIT_LOG", "/dev/null")], ("fail", "audit", "keeps nothing")),
    (&[("MCP_AUDIT_LOG", "/nonexistent/audit")], ("fail", "audit", "cannot be written")),
    (&[("MCP_AUDIT_ARGUMENTS", "redacted")], ("warn", "audit", "what callers say")),
    (&[("MCP_RATE_LIMIT", "off")], ("fail", "quotas", "set MCP_RATE_LIMIT")),
    (&[("MCP_RATE_LIMIT_IP", "off")], ("fail", "quotas", "MCP_RATE_LIMIT_IP")),
    (&[("MCP_RATE_LIMIT_WRITE", "off")], ("warn", "quotas", "off: MCP_RATE_LIMIT_WRITE")),
    (&[("MCP_RATE_LIMIT", "1000000/1s")], ("warn", "quotas", "limit nothing: MCP_RATE_LIMIT")),
    (&[("MCP_DEADLINE", "1h")], ("warn", "bounds", "MCP_DEADLINE")),
    (&[("MCP_MAX_BODY", "1 GiB")], ("warn", "bounds", "MCP_MAX_BODY")),
    (&[("MCP_MAX_CONCURRENCY_PER_CLIENT", "256")], ("warn", "bounds", "one client")),
    (&[("MCP_DRAIN_DEADLINE", "5m")], ("warn", "bounds", "MCP_DRAIN_DEADLINE")),
    (&[("MCP_TOOLS", ",")], ("fail", "tools", "nothing is offered")),
    (&[("MCP_TOOLS", "no_such_tool")], ("fail", "exposure", "no tool `no_such_tool`")),
    (&[("RUST_LOG", "trace")], ("warn", "log", "set `info`")),
    (&[("JWT_SECRET", "x")], ("warn", "variables", "JWT_SECRET is not read")),
    (&[("REDIS_URL", "redis://redis.example:6379")], ("fail", "in the clear", "REDIS_URL")),
    (&[("REDIS_URL", "redis://10.9.9.9")], ("warn", "in the clear", "without a password")),
    (&[("REDIS_URL", "redis://127.0.0.1:9")], ("fail", "redis", "look at REDIS_URL")),
    (
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel.example:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
        ],
        ("fail", "in the clear", "OTEL_EXPORTER_OTLP_HEADERS goes there"),
    ),
    (&[("REDIS_URL", "")], ("warn", "replicas", "REDIS_URL is not set")),
    (&[("DATABASE_URL", "sqlite::memory:")], ("fail", "tickets", "lost when the server stops")),
    (
        &[("DATABASE_URL", "postgres://u:hunter2@db.example/t?sslmode=disable")],
        ("fail", "in the clear", "sslmode=verify-full"),
    ),
    (&[("DATABASE_URL", "postgres://127.0.0.1:9/x")], ("fail", "start", "cannot be reached")),
    (&[("MCP_RATE_LIMIT", "lots")], ("fail", "configuration", "MCP_RATE_LIMIT (from environment)")),
    (&[("MCP_AUTH", "basic")], ("fail", "configuration", "MCP_AUTH (from environment)")),
    (
        &[("MCP_AUTH", "oauth"), ("MCP_AUTH_ISSUER", "http://issuer.example")],
        ("fail", "configuration", "MCP_AUTH_ISSUER"),
    ),
];

#[tokio::test]
async fn doctor_names_every_unsafe_setting_of_a_bad_deployment() {
    let deployment = Deployment::new();
    for (variables, expected) in BAD {
        let command =
            variables.iter().fold(deployment.command(), |it, (name, value)| it.env(name, value));
        let diagnosis = Diagnosis::of(&command).await;
        diagnosis.must_tell(&format!("{variables:?}"), *expected);
        assert!(!diagnosis.report.to_string().contains("hunter2"), "{:#}", diagnosis.report);
    }
}

#[tokio::test]
async fn doctor_names_files_that_others_can_read_or_change() {
    let deployment = Deployment::new();
    let tell = async |command: ServerCommand, case: &str, expected| {
        Diagnosis::of(&command).await.must_tell(case, expected);
    };
    let secret = deployment.file("redis.url", 0o644, "redis://127.0.0.1:9");
    let command = deployment.command().env("REDIS_URL_FILE", &secret);
    tell(command, "readable secret", ("fail", "files", "REDIS_URL: others may read")).await;
    let config = deployment.file("mcp.toml", 0o644, "redis_url = \"redis://127.0.0.1:9\"\n");
    let command = deployment.command().env("MCP_CONFIG", &config);
    tell(command, "readable configuration", ("fail", "files", "others may read the secret")).await;
    let config = deployment.file("open.toml", 0o666, "log_level = \"info\"\n");
    let command = deployment.command().env("MCP_CONFIG", &config);
    tell(command, "writable configuration", ("fail", "files", "MCP_CONFIG: others may change"))
        .await;
    let list = deployment.file("list", 0o666, "");
    let command = deployment.command().env("MCP_REVOKED_TOKENS_FILE", &list);
    tell(command, "writable revocations", ("fail", "files", "MCP_REVOKED_TOKENS_FILE")).await;
    let log = deployment.file("open.jsonl", 0o644, "");
    let command = deployment.command().env("MCP_AUDIT_LOG", &log);
    tell(command, "readable audit", ("warn", "audit", "others see who did what")).await;
    deployment.file("other.db", 0o666, "");
    let url = format!("sqlite:{}", deployment.path("other.db").display());
    let command = deployment.command().env("DATABASE_URL", url);
    tell(command, "writable tickets", ("fail", "tickets", "others of this machine")).await;
}

#[tokio::test]
async fn doctor_names_keys_that_are_weak_expired_eternal_or_open_nothing() {
    let deployment = Deployment::new();
    let good = "0d9c1e5f7b3a";
    let soon = (chrono::Utc::now() + chrono::TimeDelta::days(2)).to_rfc3339();
    for (entry, expected) in [
        (key("ci", "changeme", "tickets:read", YEARS), ("fail", "weak keys", "`ci`: is a word")),
        (
            key("ci", good, "tickets:read", "expires_at = 2020-01-01T00:00:00Z"),
            ("warn", "keys", "`ci`: expired"),
        ),
        (
            key("ci", good, "tickets:read", &format!("expires_at = {soon}")),
            ("warn", "keys", "`ci`: expires within 14 days"),
        ),
        (key("ci", good, "tickets:read", ""), ("warn", "keys", "`ci`: never expires")),
        (key("ci", good, "", YEARS), ("warn", "keys", "`ci`: has no scopes")),
        (key("ci", good, "*", YEARS), ("warn", "keys", "`ci`: has scopes that nothing")),
        ("key = []".to_owned(), ("fail", "keys", "nobody can come in")),
    ] {
        let file = deployment.file("other.toml", 0o600, &entry);
        let command = deployment.command().env("MCP_API_KEYS_FILE", &file);
        Diagnosis::of(&command).await.must_tell(&entry, expected);
    }
    let file = deployment.file("open.toml", 0o644, &key("ci", good, "tickets:read", YEARS));
    let command = deployment.command().env("MCP_API_KEYS_FILE", &file);
    Diagnosis::of(&command).await.must_tell("mode", ("warn", "key file", "chmod 0640"));
}

#[tokio::test]
async fn doctor_names_what_is_wrong_with_tokens() {
    let deployment = Deployment::new();
    let issuer = Issuer::start().await;
    let command = deployment
        .command()
        .env("MCP_AUTH", "oauth")
        .env("MCP_AUTH_ISSUER", issuer.name())
        .env("MCP_AUTH_AUDIENCE", "https://tickets.example/mcp, https://other.example")
        .env("MCP_AUTH_LEEWAY", "4m");
    let diagnosis = Diagnosis::of(&command).await;
    for expected in [
        ("ok", "issuer", "keys are known"),
        ("fail", "plain issuer", "any process may stand in"),
        ("warn", "audience", "names several"),
        ("warn", "leeway", "MCP_AUTH_LEEWAY"),
        ("warn", "token lifetime", "tokens of any lifetime"),
    ] {
        diagnosis.must_tell("oauth", expected);
    }
    let long = command.clone().env("MCP_AUTH_MAX_TOKEN_LIFETIME", "2h");
    let long = Diagnosis::of(&long).await;
    long.must_tell("2h", ("warn", "token lifetime", "more than 1 h"));
}
