//! A prompt that may answer without end.

use mcp_chassis::*;

const _: PromptSpec = PromptSpec::named("p", "P").scopes(&["a"]).deadline_secs(1);

fn main() {}
