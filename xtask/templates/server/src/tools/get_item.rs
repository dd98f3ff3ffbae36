//! `get_item`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    ExampleDomain,
    client::{Item, ItemId},
};

/// Reads an item.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetItem {
    /// The item
    id: ItemId,
}

impl Tool for GetItem {
    type Server = ExampleDomain;
    type Output = Item;

    const SPEC: ToolSpec = ToolSpec::read("get_item", "Get item")
        .scopes(&["example-domain:read"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(6_000))
        .audited(&["id"]);

    async fn call(self, server: &ExampleDomain, context: &CallContext) -> Result<Item> {
        server.client.item(&self.id, context).await
    }
}
