//! Wrong configuration: exit code 2 and one clear line that names the setting, where it came from and the mend.

use std::io::Write;
use std::process::Output;

use mcp_testkit::ServerCommand;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::support::command;

const CANARY: &str = "canary-must-not-leak";

/// Every variable of the contract that all servers share, whether this version has it or not.
const CONTRACT: &[&str] = &[
    "LOG_LEVEL",
    "MCP_ADMIN_ALLOW",
    "MCP_ADMIN_LISTEN",
    "MCP_ALLOWED_HOSTS",
    "MCP_ALLOWED_ORIGINS",
    "MCP_API_KEYS",
    "MCP_API_KEYS_FILE",
    "MCP_AUDIT_ARGUMENTS",
    "MCP_AUDIT_LOG",
    "MCP_AUDIT_READS",
    "MCP_AUTH",
    "MCP_AUTH_AUDIENCE",
    "MCP_AUTH_INTROSPECTION_CLIENT_ID",
    "MCP_AUTH_INTROSPECTION_CLIENT_SECRET",
    "MCP_AUTH_INTROSPECTION_CLIENT_SECRET_FILE",
    "MCP_AUTH_INTROSPECTION_URL",
    "MCP_AUTH_ISSUER",
    "MCP_AUTH_JWKS_FILE",
    "MCP_AUTH_JWKS_URL",
    "MCP_AUTH_LEEWAY",
    "MCP_AUTH_MAX_TOKEN_LIFETIME",
    "MCP_AUTH_SCOPE_CLAIMS",
    "MCP_CONFIRM",
    "MCP_DEADLINE",
    "MCP_DRAIN_DEADLINE",
    "MCP_IDEMPOTENCY",
    "MCP_LISTEN",
    "MCP_LOG_FORMAT",
    "MCP_MAX_BODY",
    "MCP_MAX_CONCURRENCY",
    "MCP_MAX_CONCURRENCY_PER_CLIENT",
    "MCP_PUBLIC_URL",
    "MCP_QUEUE",
    "MCP_RATE_LIMIT",
    "MCP_RATE_LIMIT_ALGORITHM",
    "MCP_RATE_LIMIT_IP",
    "MCP_RATE_LIMIT_READ",
    "MCP_RATE_LIMIT_WRITE",
    "MCP_READ_ONLY",
    "MCP_REDIS_DOWN",
    "MCP_REVOKED_TOKENS_FILE",
    "MCP_SESSIONS",
    "MCP_STDIO_SCOPES",
    "MCP_TLS_CERT",
    "MCP_TLS_CLIENT_CA",
    "MCP_TLS_KEY",
    "MCP_TLS_TERMINATED",
    "MCP_TOOLS",
    "MCP_TRUSTED_PROXIES",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_SERVICE_NAME",
    "PORT",
    "REDIS_URL",
    "REDIS_URL_FILE",
    "RUST_LOG",
];

/// Runs to the end and returns what was said on stderr.
async fn refusal(command: &ServerCommand) -> String {
    let output = command.output().await;
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty(), "stdout belongs to what was asked for");
    assert!(said.lines().all(|line| line.starts_with("error: ")), "{said}");
    said
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8")
}

fn check() -> ServerCommand {
    command().args(["config", "check"])
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("the file can be written");
    file
}

#[tokio::test]
async fn a_setting_of_the_contract_is_read_or_refused_by_name() {
    let schema = command().args(["config", "schema"]).output().await.stdout;
    let schema = String::from_utf8(schema).unwrap();
    for variable in CONTRACT {
        let plain = variable.strip_suffix("_FILE").unwrap_or(variable);
        let is_read = [*variable, plain].iter().any(|it| schema.contains(&format!("\"{it}\"")));
        if is_read {
            continue;
        }
        let said = refusal(&check().env(variable, CANARY)).await;
        let start = format!("error: {variable} (from environment): is not built yet");
        assert!(said.starts_with(&start), "{variable}: {said}");
        assert!(!said.contains(CANARY), "{said}");
    }
}

#[tokio::test]
async fn a_value_that_is_not_built_is_refused_by_name() {
    for (variable, value) in [
        ("MCP_AUTH", "mtls"),
        ("MCP_CONFIRM", CANARY),
        ("MCP_STATE_KEY", "too-short"),
        ("MCP_SESSIONS", "redis"),
        ("MCP_SESSIONS", CANARY),
        ("MCP_REDIS_DOWN", CANARY),
        ("REDIS_URL", CANARY),
        ("MCP_RATE_LIMIT_ALGORITHM", CANARY),
        ("MCP_RATE_LIMIT", CANARY),
        ("MCP_MAX_BODY", CANARY),
        ("MCP_DEADLINE", CANARY),
        ("MCP_READ_ONLY", CANARY),
        ("MCP_IDEMPOTENCY", CANARY),
        ("MCP_AUDIT_ARGUMENTS", CANARY),
        ("MCP_LOG_FORMAT", CANARY),
        ("MCP_LISTEN", CANARY),
        ("MCP_MAX_CONCURRENCY", "0"),
        ("MCP_QUEUE", "-1"),
        ("MCP_TOOLS", "nonsense"),
    ] {
        let said = refusal(&check().env(variable, value)).await;
        assert!(said.starts_with(&format!("error: {variable} (from ")), "{variable}: {said}");
        assert!(!said.contains(CANARY), "{said}");
    }
}

#[tokio::test]
async fn an_unknown_key_of_the_file_is_told_with_the_nearest_that_there_is() {
    for (text, key, nearest) in [
        ("rate_limt = \"1/1s\"", "rate_limt", "rate_limit"),
        ("read_onyl = true", "read_onyl", "read_only"),
        ("[auth]\nmodus = \"none\"", "auth.modus", "auth.mode"),
        ("database_urll = \"x\"", "database_urll", "database_url"),
    ] {
        let file = file(text);
        let said = refusal(&check().env("MCP_CONFIG", file.path())).await;
        let place = format!("(from file {})", file.path().display());
        let expected =
            format!("error: {key} {place}: is not a setting; the nearest is `{nearest}`\n");
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn a_broken_file_is_told_with_its_line_and_without_its_text() {
    for (text, line) in [
        (format!("read_only = true\ndatabase_url = \"{CANARY}"), Some(2)),
        (CANARY.to_owned(), Some(1)),
        (format!("[tools.create_ticket]\ndeadline = \"{CANARY}\""), None),
        ("[tools.create_ticket]\nmax_concurrency = 0".to_owned(), None),
        ("[tools.nonsense]\ndeadline = \"1s\"".to_owned(), None),
        ("rate_limit = [[1], 2]\n[rate_limit.x]".to_owned(), Some(2)),
        ("\u{0}".to_owned(), Some(1)),
    ] {
        let file = file(&text);
        let said = refusal(&check().args(["--config"]).args([file.path()])).await;
        assert!(!said.contains(CANARY), "{said}");
        if let Some(line) = line {
            assert!(said.contains(&format!("at line {line}")), "{text}: {said}");
        }
    }
    let missing = refusal(&check().env("MCP_CONFIG", "/nonexistent/mcp.toml")).await;
    assert!(missing.starts_with("error: MCP_CONFIG (from file /nonexistent/mcp.toml): cannot be"));
}

#[tokio::test]
async fn every_problem_is_told_at_once() {
    let said = refusal(&check().env("MCP_QUEUE", "x").env("MCP_DEADLINE", "x")).await;
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[tokio::test]
async fn a_server_does_not_listen_beyond_loopback_without_credentials_or_tls() {
    let open = command().args(["http", "--listen", "0.0.0.0:0"]);
    let said = refusal(&open).await;
    assert!(said.starts_with("error: MCP_AUTH (from "), "{said}");
    // Credentials are reported first, and TLS alone does not help.
    let said = refusal(&open.clone().env("MCP_TLS_TERMINATED", "true")).await;
    assert!(said.starts_with("error: MCP_AUTH (from "), "{said}");
    let said = refusal(&open.clone().env("MCP_AUTH", "none")).await;
    assert!(said.starts_with("error: MCP_AUTH (from "), "{said}");
    let injected = command().args(["http"]).env("PORT", "0");
    assert!(refusal(&injected).await.starts_with("error: MCP_AUTH (from "));

    let keys = crate::support::Keys::new();
    let said = refusal(&keys.command(&open)).await;
    assert!(said.starts_with("error: MCP_TLS_TERMINATED (from "), "{said}");
    let safe = keys.command(&command()).env("MCP_TLS_TERMINATED", "true");
    let safe = safe.env("MCP_LISTEN", "0.0.0.0:0").args(["config", "check"]);
    assert_eq!(safe.output().await.status.code(), Some(0));
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused_without_being_shown() {
    let auth = check().env("MCP_AUTH", "api-key");
    assert!(refusal(&auth).await.starts_with("error: MCP_AUTH (from "));
    let short = refusal(&auth.clone().env("MCP_API_KEYS", "short")).await;
    assert!(
        short.starts_with("error: MCP_API_KEYS (from ") && !short.contains("short,"),
        "{short}"
    );
    let file = file(&format!("[[key]]\nowner = \"a\"\nsha256 = \"{CANARY}\"\nscopes = []"));
    let said = refusal(&auth.clone().env("MCP_API_KEYS_FILE", file.path())).await;
    assert!(said.contains("sha256") && !said.contains(CANARY), "{said}");
    let both = auth.env("MCP_API_KEYS", CANARY).env("DATABASE_URL_FILE", "/nonexistent");
    assert!(!refusal(&both).await.contains(CANARY));
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_a_wrong_setting_or_a_missing_dependency() {
    let at =
        |url: &str| command().env("DATABASE_URL", url).args(["http", "--listen", "127.0.0.1:0"]);
    let secret = format!("mysql://root:{CANARY}@localhost/x");
    let output = at(&secret).output().await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("DATABASE_URL"));
    assert!(!stderr(&output).contains(CANARY));
    // Port 9 discards; nothing listens there.
    let output = at(&format!("postgres://root:{CANARY}@127.0.0.1:9/x")).output().await;
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(!stderr(&output).contains(CANARY));
}

#[tokio::test]
async fn a_variable_of_other_servers_is_warned_of_with_ours() {
    let process = command().env("JWKS_URL", CANARY).env("API_TOKEN", CANARY).http().await;
    let log = process.log().join("\n");
    assert!(log.contains("JWKS_URL") && log.contains("MCP_AUTH_JWKS_URL"), "{log}");
    assert!(log.contains("API_TOKEN") && log.contains("MCP_API_KEYS"), "{log}");
    assert!(!log.contains(CANARY), "{log}");
}

#[tokio::test]
async fn the_schema_names_what_the_effective_configuration_shows() {
    let schema = command().args(["config", "schema"]).output().await.stdout;
    let schema: Value = serde_json::from_slice(&schema).expect("the schema is JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let schema = schema.to_string();
    let secret = command().env("DATABASE_URL", format!("sqlite:{CANARY}"));
    let shown = secret.args(["config", "show"]).output().await.stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(!shown.contains(CANARY) && shown.contains("********"), "{shown}");
    assert!(shown.lines().count() > 30, "{shown}");
    for line in shown.lines() {
        let variable = line.split_whitespace().next().unwrap();
        assert!(schema.contains(&format!("\"x-variable\":\"{variable}\"")), "{line}");
    }
}
