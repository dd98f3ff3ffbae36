//! What the suites share: the server's command, and one client for every transport and version.

use std::io::Write;

use mcp_testkit::wire::is_modern;
use mcp_testkit::{HttpClient, ServerCommand, ServerProcess, StdioClient};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const MODERN: ProtocolVersion = ProtocolVersion::V_2026_07_28;
pub(crate) const LEGACY: ProtocolVersion = ProtocolVersion::V_2025_11_25;

/// A server with tickets in memory, every scope on stdio, and no quota of calls.
pub(crate) fn command() -> ServerCommand {
    ServerCommand::new(env!("CARGO_BIN_EXE_mcp-ticketing"))
        .env("DATABASE_URL", "sqlite::memory:")
        .env("MCP_STDIO_SCOPES", "tickets:read tickets:write")
        .env("MCP_RATE_LIMIT", "off")
        .env("MCP_RATE_LIMIT_READ", "off")
        .env("MCP_RATE_LIMIT_WRITE", "off")
}

/// How a client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Http,
    Stdio,
}

/// A raw client with the server that it alone uses.
pub(crate) enum Client {
    Http(HttpClient, ServerProcess),
    Stdio(StdioClient),
}

impl Client {
    /// Starts `command` and shakes hands where the version asks for it.
    pub(crate) async fn start(
        command: &ServerCommand,
        transport: Transport,
        version: ProtocolVersion,
    ) -> Self {
        match transport {
            Transport::Http => {
                let process = command.http().await;
                let mut client = HttpClient::with_version(process.url(), version.clone());
                if !is_modern(&version) {
                    client.initialize().await;
                }
                Self::Http(client, process)
            }
            Transport::Stdio => {
                let mut client = command.stdio();
                if !is_modern(&version) {
                    client.initialize(version).await;
                }
                Self::Stdio(client)
            }
        }
    }

    /// The whole answer: `{jsonrpc, id, result | error}`.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        match self {
            Self::Http(client, _) => client.request(method, params).send().await.json().clone(),
            Self::Stdio(client) => client.request(method, params).await,
        }
    }

    /// The server.
    pub(crate) fn process(&mut self) -> &mut ServerProcess {
        match self {
            Self::Http(_, process) => process,
            Self::Stdio(client) => client.process(),
        }
    }

    /// Calls a tool and returns its result.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let answer = self.request("tools/call", params).await;
        answer.get("result").unwrap_or_else(|| panic!("no result: {answer}")).clone()
    }
}

/// The code of a failed call; empty when it did not fail.
pub(crate) fn failure(result: &Value) -> &str {
    result["structuredContent"]["error"]["code"].as_str().unwrap_or_default()
}

/// API keys in a file of their own, each under the name of what it may do.
pub(crate) struct Keys {
    file: tempfile::NamedTempFile,
}

impl Keys {
    pub(crate) const READ: &str = "key-of-a-reader-0123456789";
    pub(crate) const WRITE: &str = "key-of-a-writer-0123456789";
    pub(crate) const BOTH: &str = "key-of-both-0123456789abcd";
    const EXPIRED: &str = "key-of-the-past-0123456789";

    pub(crate) fn new() -> Self {
        let entry = |owner: &str, key: &str, scopes: &str, more: &str| {
            let hash = hex::encode(Sha256::digest(key));
            format!(
                "[[key]]\nowner = \"{owner}\"\nsha256 = \"{hash}\"\nscopes = \"{scopes}\"\n{more}\n"
            )
        };
        let past = "expires_at = 2026-01-01T00:00:00Z";
        let both = "tickets:read tickets:write";
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text = [
            entry("reader", Self::READ, "tickets:read", ""),
            entry("writer", Self::WRITE, "tickets:write", ""),
            entry("both", Self::BOTH, both, ""),
            entry("past", Self::EXPIRED, both, past),
        ];
        file.write_all(text.concat().as_bytes()).expect("the file can be written");
        Self { file }
    }

    /// The command, with these keys as the only way in.
    pub(crate) fn command(&self, command: &ServerCommand) -> ServerCommand {
        command.clone().env("MCP_AUTH", "api-key").env("MCP_API_KEYS_FILE", self.file.path())
    }

    /// Every credential that a caller may come with, by what the table calls it.
    pub(crate) fn credentials() -> [(&'static str, Option<&'static str>); 6] {
        [
            ("none", None),
            ("wrong key", Some("key-of-nobody-0123456789ab")),
            ("expired key", Some(Self::EXPIRED)),
            ("read key", Some(Self::READ)),
            ("write key", Some(Self::WRITE)),
            ("read+write key", Some(Self::BOTH)),
        ]
    }
}
