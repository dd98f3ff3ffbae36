//! A tool that nobody would need a scope for.

use mcp_chassis::*;

const _: ToolSpec = ToolSpec::read("t", "T").deadline_secs(1).output_budget(Budget::tokens(1));

fn main() {}
