//! `search_locations`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    Weather,
    location::PlaceName,
    models::{Origin, Place, Source},
};

/// Finds places by name, the likeliest first, with the coordinates that every other tool takes.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchLocations {
    /// A place's name or postal code
    query: PlaceName,
    /// How many at most
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 50))]
    limit: u32,
}

fn default_limit() -> u32 {
    10
}

/// Places.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Locations {
    /// The likeliest first
    locations: Vec<Place>,
    #[serde(flatten)]
    origin: Origin,
}

impl ToolOutput for Locations {}

impl Tool for SearchLocations {
    type Server = Weather;
    type Output = Locations;

    const SPEC: ToolSpec = ToolSpec::read("search_locations", "Search locations")
        .scopes(&["weather:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(6_000))
        .outside_text(&["open-meteo"])
        .open_world();

    async fn call(self, server: &Weather, context: &CallContext) -> Result<Locations> {
        let found = server.client.search(&self.query, self.limit, context).await?;
        context.cached(found.freshness);
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        Ok(Locations {
            locations: found.value.iter().take(limit).cloned().collect(),
            origin: Origin::new(Source::OpenMeteo, found.freshness),
        })
    }
}
