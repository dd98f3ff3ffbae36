//! `mcp-conformance`: everything that the official conformance suite asks a server for, on the chassis as it ships. For tests
//! only.

mod asking;
mod contents;
mod prompts;
mod resources;
mod schemas;
mod server;
mod tasks;

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_chassis::main::<server::Conformance>()
}
