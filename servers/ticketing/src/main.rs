//! `mcp-ticketing`: search, open, discuss and close tickets over MCP.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_chassis::main::<mcp_ticketing::Ticketing>()
}
