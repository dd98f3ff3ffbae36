//! The servers that the pages are tried on: real ones, on data that is the same every time.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use mcp_testkit::{ServerCommand, ServerProcess};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::recorded::{self, Documents};
use crate::sample::{self, Environment};
use crate::server::built_as_tests;

/// The keys live as long as the servers.
const KEY: &str = "key-of-a-client-that-may-do-everything";
const READERS_KEY: &str = "key-of-a-client-that-may-only-read";

/// A server with pages, by its folder, and what a client may ask for that may do everything.
const SERVERS: [(&str, &str); 3] = [
    ("ticketing", "tickets:read tickets:write"),
    ("postgres", "postgres:read"),
    ("weather", "weather:read"),
];

/// What the weather server asks, and what it is told. Berlin there is, and Springfield more than once.
const OPEN_METEO: Documents = &[
    (
        "/v1/forecast?temperature_unit=fahrenheit",
        include_str!("../../../fixtures/weather/forecast_week_fahrenheit.json"),
    ),
    ("/v1/forecast", include_str!("../../../fixtures/weather/forecast_week.json")),
    (
        "/v1/search?name=Springfield",
        include_str!("../../../fixtures/weather/geocoding_springfield.json"),
    ),
    ("/v1/search?name=Berlin", include_str!("../../../fixtures/weather/geocoding_berlin.json")),
    ("/v1/search", include_str!("../../../fixtures/weather/geocoding_none.json")),
];

/// Running servers; they end when this is dropped.
pub(super) struct Servers {
    running: Vec<(&'static str, ServerProcess)>,
    /// Last, so that it outlives whoever writes to it.
    _folder: TempDir,
}

impl Servers {
    pub(super) async fn start() -> Result<Self> {
        let packages: BTreeSet<_> = SERVERS.iter().map(|(name, _)| format!("mcp-{name}")).collect();
        let programs = built_as_tests(packages.iter().map(String::as_str))?;
        let folder = tempfile::Builder::new().prefix("mcp-apps-").tempdir()?;
        let mut running = Vec::new();
        for (name, scopes) in SERVERS {
            let program = programs.get(&format!("mcp-{name}")).context("cargo built no server")?;
            let mut command = ServerCommand::new(program)
                .env("RUST_LOG", "info")
                .env("MCP_AUTH", "api-key")
                .env("MCP_API_KEYS", format!("{READERS_KEY},{KEY}={scopes}"))
                // A legacy client says what it can do once, with the handshake.
                .env("MCP_SESSIONS", "local")
                .env("MCP_RATE_LIMIT", "off")
                .env("MCP_RATE_LIMIT_READ", "off")
                .env("MCP_RATE_LIMIT_WRITE", "off");
            for (variable, value) in environment(name, folder.path())? {
                command = command.env(variable, value);
            }
            running.push((name, command.http().await));
        }
        Ok(Self { running, _folder: folder })
    }

    /// Where they are and how to get in, as the tests read it.
    pub(super) fn description(&self) -> Value {
        let keys = json!({ "all": KEY, "read": READERS_KEY });
        let described = |(name, server): &(&str, ServerProcess)| {
            ((*name).to_owned(), json!({ "url": server.url(), "keys": keys }))
        };
        Value::Object(self.running.iter().map(described).collect())
    }
}

fn environment(server: &str, folder: &Path) -> Result<Environment> {
    match server {
        "ticketing" => {
            let file = folder.join("tickets.db");
            Ok(vec![("DATABASE_URL", format!("sqlite:{}", file.display()))])
        }
        "weather" => {
            let base = recorded::serve(OPEN_METEO)?;
            let bases = ["WEATHER_API_URL", "GEOCODING_API_URL", "AIR_QUALITY_API_URL"];
            Ok(bases.map(|name| (name, base.clone())).to_vec())
        }
        _ => Ok(vec![("DATABASE_URL", sample::database()?)]),
    }
}
