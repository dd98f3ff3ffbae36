//! `mcp-postgres`: read-only SQL over MCP.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_chassis::main::<mcp_postgres::Postgres>()
}
