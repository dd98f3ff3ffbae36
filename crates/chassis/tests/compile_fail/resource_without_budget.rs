//! A resource that may answer without end.

use mcp_chassis::*;

const _: ResourceSpec = ResourceSpec::at("a://b", "r", "R").scopes(&["a"]).deadline_secs(1);

fn main() {}
