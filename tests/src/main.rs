//! `mcp-toy`: a server that misbehaves in every way that a domain can. For tests only.

mod hooks;
mod resources;
mod server;
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_chassis::main::<server::Toy>()
}
