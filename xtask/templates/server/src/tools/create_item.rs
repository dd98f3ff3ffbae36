//! `create_item`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{ExampleDomain, client::Item};

/// Creates an item.
#[derive(Debug, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateItem {
    /// One line that says what it is
    #[validate(length(min = 1, max = 200))]
    title: String,
    /// The text, in Markdown
    #[validate(length(max = 10_000))]
    #[serde(default)]
    body: String,
}

impl Tool for CreateItem {
    type Server = ExampleDomain;
    type Output = Item;

    const SPEC: ToolSpec = ToolSpec::write("create_item", "Create item")
        .scopes(&["example-domain:write"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(6_000));

    async fn call(self, server: &ExampleDomain, context: &CallContext) -> Result<Item> {
        server.client.create(&self, context).await
    }
}
