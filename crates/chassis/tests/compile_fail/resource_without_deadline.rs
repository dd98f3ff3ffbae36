//! A resource that may take for ever.

use mcp_chassis::*;

const _: ResourceSpec = ResourceSpec::at("a://b", "r", "R").scopes(&["a"]).output_budget(Budget::tokens(1));

fn main() {}
