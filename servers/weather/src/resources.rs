//! `config://supported-cities`: the cities that this deployment names.

use mcp_chassis::{Budget, CallContext, Resource, ResourceBody, ResourceSpec, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use validator::Validate;

use crate::Weather;

/// Cities to offer to a person. Every other place can be asked about as well.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupportedCities {}

impl Resource for SupportedCities {
    type Server = Weather;

    const SPEC: ResourceSpec =
        ResourceSpec::at("config://supported-cities", "supported-cities", "Supported cities")
            .scopes(&["weather:read"])
            .deadline_secs(5)
            .output_budget(Budget::tokens(60_000))
            .own_text();

    async fn read(self, server: &Weather, _context: &CallContext) -> Result<ResourceBody> {
        Ok(ResourceBody::Json(json!({ "cities": server.cities })))
    }
}
