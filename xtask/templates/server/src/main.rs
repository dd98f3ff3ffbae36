//! `mcp-example-domain`: the items of the example domain over MCP.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_chassis::main::<mcp_example_domain::ExampleDomain>()
}
