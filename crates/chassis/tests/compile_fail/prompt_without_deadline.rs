//! A prompt that may take for ever.

use mcp_chassis::*;

const _: PromptSpec = PromptSpec::named("p", "P").scopes(&["a"]).output_budget(Budget::tokens(1));

fn main() {}
