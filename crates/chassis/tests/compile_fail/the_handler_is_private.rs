//! The only implementation of the SDK's server stays inside.

use mcp_chassis::handler::Handler;

fn main() {}
