//! What the suites share: the toy's command and its clients.

use mcp_testkit::{HttpClient, ServerCommand, ServerProcess};
use serde_json::Value;

/// The toy, with every scope on stdio.
pub(crate) fn command() -> ServerCommand {
    ServerCommand::new(env!("CARGO_BIN_EXE_mcp-toy")).env("MCP_STDIO_SCOPES", "toy:read toy:write")
}

/// The toy over HTTP, as `command` sets it up.
pub(crate) async fn http(command: &ServerCommand) -> (ServerProcess, HttpClient) {
    let process = command.http().await;
    let client = HttpClient::new(process.url());
    (process, client)
}

/// The code of a failed call; empty when it did not fail.
pub(crate) fn failure(result: &Value) -> &str {
    result["structuredContent"]["error"]["code"].as_str().unwrap_or_default()
}
