//! A scope that no token could carry.

use mcp_chassis::*;

const _: ToolSpec = ToolSpec::read("t", "T").scopes(&["a b"]).deadline_secs(1).output_budget(Budget::tokens(1));

fn main() {}
