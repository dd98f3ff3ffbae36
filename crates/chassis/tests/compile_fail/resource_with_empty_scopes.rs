//! A resource whose scopes are none.

use mcp_chassis::*;

const _: ResourceSpec = ResourceSpec::at("a://b", "r", "R").scopes(&[]).deadline_secs(1).output_budget(Budget::tokens(1));

fn main() {}
