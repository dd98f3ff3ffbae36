//! A budget of nothing.

use mcp_chassis::*;

const _: ToolSpec = ToolSpec::read("t", "T").scopes(&["a"]).deadline_secs(1).output_budget(Budget::tokens(0));

fn main() {}
