//! `summarize_item`.

use mcp_chassis::{Budget, CallContext, Prompt, PromptPart, PromptSpec, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{ExampleDomain, client::ItemId};

/// Asks for a summary of an item.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SummarizeItem {
    /// The item
    id: ItemId,
}

impl Prompt for SummarizeItem {
    type Server = ExampleDomain;

    const SPEC: PromptSpec = PromptSpec::named("summarize_item", "Summarize item")
        .scopes(&["example-domain:read"])
        .deadline_secs(5)
        .output_budget(Budget::tokens(500))
        .own_text();

    async fn render(self, _: &ExampleDomain, _: &CallContext) -> Result<Vec<PromptPart>> {
        let task = format!("Call `get_item` for `{}`, then summarize it in a sentence.", self.id.0);
        Ok(vec![PromptPart::Instruction(task)])
    }
}
