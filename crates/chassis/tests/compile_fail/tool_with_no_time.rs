//! A deadline of nothing.

use mcp_chassis::*;

const _: ToolSpec = ToolSpec::read("t", "T").scopes(&["a"]).deadline_secs(0).output_budget(Budget::tokens(1));

fn main() {}
