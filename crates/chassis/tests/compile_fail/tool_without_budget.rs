//! A tool that may answer without end.

use mcp_chassis::*;

const _: ToolSpec = ToolSpec::read("t", "T").scopes(&["a"]).deadline_secs(1);

fn main() {}
