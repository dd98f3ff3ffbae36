//! `example-domain://{id}`: an item as a resource.

use mcp_chassis::{Budget, CallContext, Error, Resource, ResourceBody, ResourceSpec, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{ExampleDomain, client::ItemId};

/// One item as JSON.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemResource {
    id: ItemId,
}

impl Resource for ItemResource {
    type Server = ExampleDomain;

    const SPEC: ResourceSpec = ResourceSpec::at("example-domain://{id}", "item", "Item")
        .scopes(&["example-domain:read"])
        .deadline_secs(10)
        .output_budget(Budget::tokens(6_000));

    async fn read(self, server: &ExampleDomain, context: &CallContext) -> Result<ResourceBody> {
        let item = server.client.item(&self.id, context).await?;
        serde_json::to_value(item).map(ResourceBody::Json).map_err(Error::internal)
    }
}
