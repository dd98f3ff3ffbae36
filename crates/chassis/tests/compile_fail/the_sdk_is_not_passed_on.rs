//! The SDK is nobody's through the chassis.

use mcp_chassis::rmcp::ServerHandler;

fn main() {}
