//! A server in a temporary folder, with two clients: one that may do everything, and one that may only read.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use mcp_testkit::client::{
    Client, config, connect, connect_http, connect_stdio, http_transport_with,
};
use mcp_testkit::{ServerCommand, ServerProcess};
use rmcp::model::ProtocolVersion;
use tempfile::TempDir;

use super::Script;
use super::conversation::Conversation;

/// The keys live as long as the server of one conversation.
const KEY: &str = "demo-key-of-a-client-that-may-write";
const READERS_KEY: &str = "demo-key-of-a-client-that-may-only-read";

/// How a client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Http,
    Stdio,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Stdio => "stdio",
        })
    }
}

/// One server's surroundings; gone when dropped.
#[derive(Debug)]
pub(super) struct Stage {
    command: ServerCommand,
    scopes: &'static str,
    readers_headers: &'static [(&'static str, &'static str)],
    audit_log: PathBuf,
    /// Last, so that the folder outlives whoever writes to it.
    _folder: TempDir,
}

impl Stage {
    pub(super) fn new(script: &Script, program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("mcp-demo-").tempdir()?;
        let audit_log = folder.path().join("audit.jsonl");
        let mut command =
            ServerCommand::new(program).env("RUST_LOG", "error").env("MCP_AUDIT_LOG", &audit_log);
        for (name, value) in (script.environment)(folder.path())? {
            command = command.env(name, value);
        }
        let Script { scopes, readers_headers, .. } = *script;
        Ok(Self { command, scopes, readers_headers, audit_log, _folder: folder })
    }

    /// Connects both clients.
    pub(super) async fn open(
        &self,
        transport: Transport,
        version: ProtocolVersion,
    ) -> Result<Conversation> {
        match transport {
            Transport::Http => self.open_http(version).await,
            Transport::Stdio => self.open_stdio(version).await,
        }
    }

    async fn open_http(&self, version: ProtocolVersion) -> Result<Conversation> {
        // A plain key may read; the other names what more it may do.
        let keys = format!("{READERS_KEY},{KEY}={}", self.scopes);
        let command = self.command.clone().env("MCP_AUTH", "api-key").env("MCP_API_KEYS", keys);
        // The log says where the server listens.
        let server = command.env("RUST_LOG", "info").http().await;
        let url = server.url();
        let client = connect_http(&url, version.clone(), Some(KEY)).await?;
        let reader = http_transport_with(&url, Some(READERS_KEY), self.readers_headers);
        let reader = connect(reader, version.clone(), config(version)).await?;
        Ok(Conversation::new(client, reader, Some(server)))
    }

    async fn open_stdio(&self, version: ProtocolVersion) -> Result<Conversation> {
        let may_write = self.command.clone().env("MCP_STDIO_SCOPES", self.scopes);
        let client: Client = connect_stdio(&may_write, version.clone()).await?;
        // Without the variable a stdio client may read. It has a log of its own: one file, one writer.
        let reader =
            self.command.clone().env("MCP_AUDIT_LOG", self.audit_log.with_extension("reader"));
        let reader = connect_stdio(&reader, version).await?;
        Ok(Conversation::new(client, reader, None))
    }

    /// Checks what the server recorded of the conversation.
    pub(super) async fn close(self) -> Result<()> {
        let verify = self.command.clone().args(["audit", "verify"]).args([&self.audit_log]);
        let verdict = verify.output().await;
        ensure!(verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stderr));
        let verdict = String::from_utf8_lossy(&verdict.stdout);
        println!("  (audit log: {})", verdict.lines().next().unwrap_or_default());
        Ok(())
    }
}

/// Asks an HTTP server to end, and expects that it does so well.
pub(super) async fn end(server: Option<ServerProcess>) -> Result<()> {
    let Some(mut server) = server else { return Ok(()) };
    let status = server.terminate().await;
    ensure!(status.success(), "the server ended badly ({status})");
    Ok(())
}
