//! `mcp-internal-data`: records, people and metrics of an internal API, over MCP.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_chassis::main::<mcp_internal_data::InternalData>()
}
