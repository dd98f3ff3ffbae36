//! `mcp-weather`: the weather now, in the next days and in the past, over MCP.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_chassis::main::<mcp_weather::Weather>()
}
