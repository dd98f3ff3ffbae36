//! A tool that does not say what it does to the world.

use mcp_chassis::*;

const _: ToolSpec = ToolSpec::new("t", "T").scopes(&["a"]).deadline_secs(1).output_budget(Budget::tokens(1));

fn main() {}
