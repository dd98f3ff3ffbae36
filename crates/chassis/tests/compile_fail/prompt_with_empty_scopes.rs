//! A prompt whose scopes are none.

use mcp_chassis::*;

const _: PromptSpec = PromptSpec::named("p", "P").scopes(&[]).deadline_secs(1).output_budget(Budget::tokens(1));

fn main() {}
