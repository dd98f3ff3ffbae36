//! `mcp-github`: code, issues, pull requests and job logs of GitHub, over MCP.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_chassis::main::<mcp_github::GitHub>()
}
