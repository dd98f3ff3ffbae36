//! A prompt that nobody would need a scope for.

use mcp_chassis::*;

const _: PromptSpec = PromptSpec::named("p", "P").deadline_secs(1).output_budget(Budget::tokens(1));

fn main() {}
