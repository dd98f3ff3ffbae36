//! A tool whose scopes are none.

use mcp_chassis::*;

const _: ToolSpec = ToolSpec::read("t", "T").scopes(&[]).deadline_secs(1).output_budget(Budget::tokens(1));

fn main() {}
