//! testkit against real servers: PostgreSQL, Redis and a bare rmcp server.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test helper fails its test")]

mod daemons;
mod internal_api;
mod issuer;
mod mcp;
mod processes;

use std::path::PathBuf;

use mcp_testkit::ServerCommand;

fn echo_server() -> ServerCommand {
    ServerCommand::new(example("echo_server"))
}

/// A program of `examples/`, which `cargo test` builds beside this test binary.
fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(2).unwrap().join("examples").join(name)
}
