//! An internal-data server with an API of our own.

use std::io::Write;

use mcp_testkit::{HttpClient, ServerCommand, ServerProcess};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::upstream::{Api, Kind};

/// Who sees what, in most tests: two fields of users, each behind a scope of its own.
const SETTINGS: &str = r#"
[collections.users]
description = "Everybody who works here"

[collections.users.fields]
id = { description = "The id that `get_user_profile` takes" }
name = {}
email = { scope = "people:contact" }
department = {}
status = {}
salary = { type = "number", description = "Euros a year", scope = "hr:read" }
manager = { type = "object" }
createdAt = { type = "date-time" }

[collections.projects]
description = "What is being worked on"
fields = { id = {}, name = {}, ownerId = {}, department = {}, status = {}, budget = { type = "number" } }
"#;

/// Keys, by what their holders may do beyond the scopes of the tools.
const KEYS: [(&str, &str); 4] = [
    ("key-of-nobody-special-01", ""),
    ("key-of-a-recruiter-0001", "hr:read"),
    ("key-of-a-receptionist-1", "people:contact"),
    ("key-of-a-head-of-people", "hr:read people:contact"),
];
const TOOL_SCOPES: &str = "mcp:read mcp:query mcp:metrics";

/// The binary with what every test sets; nobody is counted.
pub(crate) fn command() -> ServerCommand {
    ServerCommand::new(env!("CARGO_BIN_EXE_mcp-internal-data"))
        .env("MCP_RATE_LIMIT", "off")
        .env("MCP_RATE_LIMIT_READ", "off")
}

/// A running server and the API that it asks.
pub(crate) struct Stage {
    pub(crate) api: Api,
    pub(crate) client: HttpClient,
    pub(crate) server: ServerProcess,
    _settings: NamedTempFile,
}

impl Stage {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::with(kind, &[]).await
    }

    /// A server with settings of its own.
    pub(crate) async fn with(kind: Kind, variables: &[(&str, &str)]) -> Self {
        let api = Api::start(kind).await;
        let mut settings = NamedTempFile::new().unwrap();
        settings.write_all(SETTINGS.as_bytes()).unwrap();
        let command =
            command().env("INTERNAL_API_URL", api.url()).env("MCP_CONFIG", settings.path());
        let set = |command: ServerCommand, (name, value): &(&str, &str)| command.env(name, value);
        let server = variables.iter().fold(command, set).http().await;
        let client = HttpClient::new(server.url());
        Self { api, client, server, _settings: settings }
    }

    /// A server that asks for keys; see [`Stage::holding`].
    pub(crate) async fn with_keys(kind: Kind) -> Self {
        let keys = KEYS.map(|(key, scopes)| format!("{key}={TOOL_SCOPES} {scopes}"));
        Self::with(kind, &[("MCP_AUTH", "api-key"), ("MCP_API_KEYS", &keys.join(","))]).await
    }

    /// A client that holds these scopes beside those of the tools.
    pub(crate) fn holding(&self, scopes: &str) -> HttpClient {
        let (key, _) = KEYS.iter().find(|(_, held)| *held == scopes).unwrap();
        HttpClient::new(self.server.url()).bearer(key)
    }

    /// As a client before 2026-07-28, whose arguments stand in no header.
    pub(crate) fn legacy(self) -> Self {
        Self { client: HttpClient::legacy(self.server.url()), ..self }
    }

    /// The whole result of a call.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.client.call_tool(tool, arguments).await.result().clone()
    }

    /// The structured content of a call that succeeds.
    pub(crate) async fn answer(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// The error of a call that fails. Nothing in it tells where the API is.
    pub(crate) async fn error(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        assert!(!result.to_string().contains("127.0.0.1"), "{result}");
        result["structuredContent"]["error"].clone()
    }

    /// What the server logs.
    pub(crate) fn log(&self) -> String {
        self.server.log().join("\n")
    }
}

/// Whence an answer is: the mark of the cache.
pub(crate) fn cache(result: &Value) -> &Value {
    &result["_meta"]["io.github.mcp-chassis/cache"]
}
