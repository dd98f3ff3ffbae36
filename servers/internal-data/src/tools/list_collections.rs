//! `list_collections`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{InternalData, models::Origin};

/// Lists the collections that `query_data` reads, with the names of their fields.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListCollections {}

/// What can be read.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Listed {
    /// By name
    collections: Vec<Summary>,
    #[serde(flatten)]
    origin: Origin,
}

/// A collection in short.
#[derive(Debug, Serialize, JsonSchema)]
struct Summary {
    /// What `query_data` takes
    name: String,
    /// What it holds
    description: String,
    /// Names of fields; none where the deployer described none
    fields: Vec<String>,
}

impl ToolOutput for Listed {}

impl Tool for ListCollections {
    type Server = InternalData;
    type Output = Listed;

    const SPEC: ToolSpec = ToolSpec::read("list_collections", "List collections")
        .scopes(&["mcp:read"])
        .deadline_secs(5)
        .output_budget(Budget::tokens(10_000))
        .own_text();

    async fn call(self, server: &InternalData, _context: &CallContext) -> Result<Listed> {
        let summaries = server.collections.iter().map(|(name, collection)| Summary {
            name: name.as_str().to_owned(),
            description: collection.description.clone(),
            fields: collection.fields.keys().map(|field| field.as_str().to_owned()).collect(),
        });
        let origin = Origin::new(server.client.is_sample(), None);
        Ok(Listed { collections: summaries.collect(), origin })
    }
}
