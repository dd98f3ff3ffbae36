//! `describe_collection`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{InternalData, collections::FieldType, models::Origin, names::CollectionName};

/// Describes a collection: what its fields hold, and which of them you may see and filter by.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct DescribeCollection {
    /// A collection of `list_collections`
    collection: CollectionName,
}

/// A collection.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Described {
    /// Its name
    name: String,
    /// What it holds
    description: String,
    /// By name; none where the deployer described none
    fields: Vec<DescribedField>,
    #[serde(flatten)]
    origin: Origin,
}

/// A field.
#[derive(Debug, Serialize, JsonSchema)]
struct DescribedField {
    /// Its name
    name: String,
    /// What kind of value it has
    r#type: FieldType,
    /// What it holds
    description: String,
    /// The scope that shows its values
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// Present when you lack that scope: values are redacted, and it cannot be filtered by
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    redacted: bool,
}

impl ToolOutput for Described {}

impl Tool for DescribeCollection {
    type Server = InternalData;
    type Output = Described;

    const SPEC: ToolSpec = ToolSpec::read("describe_collection", "Describe collection")
        .scopes(&["mcp:read"])
        .deadline_secs(5)
        .output_budget(Budget::tokens(10_000))
        .own_text()
        .routed(&["collection"])
        .audited(&["collection"]);

    async fn call(self, server: &InternalData, context: &CallContext) -> Result<Described> {
        let collection = server.collections.get(&self.collection)?;
        let held = context.principal().scopes();
        let fields = collection.fields.iter().map(|(name, field)| DescribedField {
            name: name.as_str().to_owned(),
            r#type: field.r#type,
            description: field.description.clone(),
            scope: field.scope.as_ref().map(|scope| scope.as_str().to_owned()),
            redacted: field.scope.as_ref().is_some_and(|scope| !held.contains(scope.as_str())),
        });
        Ok(Described {
            name: self.collection.as_str().to_owned(),
            description: collection.description.clone(),
            fields: fields.collect(),
            origin: Origin::new(server.client.is_sample(), None),
        })
    }
}
