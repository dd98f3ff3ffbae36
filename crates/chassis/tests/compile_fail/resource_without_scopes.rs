//! A resource that nobody would need a scope for.

use mcp_chassis::*;

const _: ResourceSpec = ResourceSpec::at("a://b", "r", "R").deadline_secs(1).output_budget(Budget::tokens(1));

fn main() {}
