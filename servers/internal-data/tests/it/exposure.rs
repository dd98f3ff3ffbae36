//! Settings: where samples may be served, what is offered, what is refused by name.

use mcp_testkit::{HttpClient, ServerCommand};
use serde_json::json;

use crate::{
    stage::{Stage, command},
    upstream::KINDS,
};

async fn check(command: &ServerCommand) -> (Option<i32>, String) {
    let output = command.clone().args(["config", "check"]).output().await;
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn beyond_loopback_samples_are_served_only_when_asked_for() {
    let exposed = command()
        .env("MCP_LISTEN", "0.0.0.0:0")
        .env("MCP_TLS_TERMINATED", "true")
        .env("MCP_AUTH", "api-key")
        .env("MCP_API_KEYS", "key-of-somebody-0123456789");
    let (code, problem) = check(&exposed).await;
    assert_eq!(code, Some(2));
    assert!(problem.contains("INTERNAL_API_URL") && problem.contains("INTERNAL_SAMPLE_DATA=true"));
    for (name, value) in [("INTERNAL_SAMPLE_DATA", "true"), ("INTERNAL_API_URL", "http://10.0.0.1")]
    {
        let (code, problem) = check(&exposed.clone().env(name, value)).await;
        assert_eq!(code, Some(0), "{name} {problem}");
    }
    // Whoever forgot both is told of the credentials first.
    let (code, problem) = check(&command().env("MCP_LISTEN", "0.0.0.0:0")).await;
    assert_eq!(code, Some(2));
    assert!(problem.contains("MCP_AUTH") && !problem.contains("INTERNAL_API_URL"), "{problem}");
}

#[tokio::test]
async fn a_client_has_a_hundred_calls_in_a_quarter_of_an_hour() {
    let server = ServerCommand::new(env!("CARGO_BIN_EXE_mcp-internal-data")).http().await;
    let reply = HttpClient::new(server.url()).call_tool("list_collections", json!({})).await;
    assert_eq!(reply.header("ratelimit-policy"), r#""default";q=100;w=900"#);
}

#[tokio::test]
async fn an_allowlist_holds_on_every_tool() {
    for kind in KINDS {
        let stage = Stage::with(kind, &[("INTERNAL_COLLECTIONS", "projects,invoices")]).await;
        for (tool, arguments) in [
            ("query_data", json!({ "collection": "users" })),
            ("query_data", json!({ "collection": "secrets" })),
            ("describe_collection", json!({ "collection": "users" })),
            ("get_user_profile", json!({ "userId": "u-1" })),
        ] {
            assert_eq!(stage.error(tool, arguments).await["code"], "forbidden", "{tool}");
        }
        let offered = stage.answer("list_collections", json!({})).await;
        let names: Vec<_> =
            offered["collections"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["invoices", "projects"]);
        let bare = stage.answer("describe_collection", json!({ "collection": "invoices" })).await;
        assert_eq!(bare, json!({ "name": "invoices", "description": "", "fields": [] }));
        assert_eq!(stage.api.requests().await, 0);
        stage.answer("query_data", json!({ "collection": "projects" })).await;
    }
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    for (name, value) in [
        ("INTERNAL_API_URL", "ftp://u:hunter2@x"),
        ("INTERNAL_COLLECTIONS", "users,../hunter2"),
        ("INTERNAL_SAMPLE_DATA", "hunter2"),
        ("INTERNAL_CACHE_RECORDS", "hunter2"),
    ] {
        let (code, problem) = check(&command().env(name, value)).await;
        assert_eq!(code, Some(2), "{name}");
        assert!(problem.contains(name) && !problem.contains("hunter2"), "{problem}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    for (settings, named) in [
        ("[collections.users]\nfeilds = {}", "[collections.users]"),
        ("[collections.users.fields]\nsalary = { scope = \"hr read\" }", "[collections.users]"),
        ("[collections.users.fields]\n\"a/b\" = {}", "[collections.users]"),
        ("[collections.\"../x\"]\n", "[collections]"),
        ("[upstream.apis]\nattempts = 1", "`api`"),
    ] {
        std::fs::write(file.path(), settings).unwrap();
        let (code, problem) = check(&command().env("MCP_CONFIG", file.path())).await;
        assert_eq!(code, Some(2), "{settings}");
        assert!(problem.contains(named), "{settings}: {problem}");
    }
}

#[tokio::test]
async fn the_schema_of_the_settings_knows_collections() {
    let schema = command().args(["config", "schema"]).output().await.stdout;
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    assert_eq!(schema["properties"]["collections"]["type"], "object");
    assert!(schema["properties"]["upstream"]["properties"]["api"].is_object());
}
