//! A database with the sample data, a role that can only read, and the server on it.

use std::path::PathBuf;

use mcp_testkit::{Postgres, ServerCommand, StdioClient, TestDatabase};
use serde_json::{Value, json};
use tempfile::TempDir;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/postgres/sample.sql");

/// A database of the test's own, with its reader.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    role: String,
    files: TempDir,
}

impl Stage {
    /// With the sample data.
    pub(crate) fn new() -> Self {
        let stage = Self::empty();
        stage.load(SAMPLE);
        stage
    }

    /// Without tables.
    pub(crate) fn empty() -> Self {
        Self::on(Postgres::shared())
    }

    /// Without tables, on a server of the test's own.
    pub(crate) fn on(server: &Postgres) -> Self {
        let database = server.database();
        let name = database.url().rsplit('/').next().unwrap();
        let role = format!("reader_{name}");
        let stage = Self { role, database, files: TempDir::new().unwrap() };
        stage.database.psql(&format!("CREATE ROLE {} LOGIN PASSWORD 'reader-secret'", stage.role));
        stage
    }

    /// Runs a file of SQL as the owner and lets the reader read what it made.
    pub(crate) fn load(&self, path: &str) {
        let sql = std::fs::read_to_string(path).unwrap();
        self.run(&sql);
    }

    /// Runs SQL as the owner and lets the reader read what it made.
    pub(crate) fn run(&self, sql: &str) {
        self.database.psql(sql);
        let role = &self.role;
        self.database.psql(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"));
    }

    /// The address as the reader.
    pub(crate) fn url(&self) -> String {
        self.database.url().replace("postgres@", &format!("{}:reader-secret@", self.role))
    }

    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    pub(crate) fn command(&self) -> ServerCommand {
        ServerCommand::new(env!("CARGO_BIN_EXE_mcp-postgres"))
            .env("DATABASE_URL", self.url())
            .env("MCP_AUDIT_LOG", "off")
            .env("MCP_RATE_LIMIT", "off")
            .env("MCP_RATE_LIMIT_READ", "off")
    }

    /// A file of the test's own.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn client(&self) -> StdioClient {
        self.command().stdio()
    }
}

/// Calls a tool and returns the structured content, of a success or a failure.
pub(crate) async fn call(client: &mut StdioClient, tool: &str, arguments: Value) -> Value {
    let answer = client.call_tool(tool, arguments).await;
    let content = &answer["result"]["structuredContent"];
    assert!(content.is_object(), "{answer}");
    content.clone()
}

/// Runs a statement.
pub(crate) async fn query(client: &mut StdioClient, sql: &str) -> Value {
    call(client, "query_database", json!({ "sql": sql, "limit": 1000 })).await
}

/// The only cell of an answer.
pub(crate) fn cell(answer: &Value) -> &Value {
    assert_eq!(answer["row_count"], 1, "{answer}");
    &answer["rows"][0][0]
}
