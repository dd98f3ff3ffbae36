//! A tool that may take for ever.

use mcp_chassis::*;

const _: ToolSpec = ToolSpec::read("t", "T").scopes(&["a"]).output_budget(Budget::tokens(1));

fn main() {}
