//! `get_air_quality`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    Weather,
    location::Location,
    models::{Air, Origin, Place, Source},
};

/// Tells what is in the air of a place now: the European and the US index, and concentrations in µg/m³.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetAirQuality {
    /// A place's name like `Berlin` or `Springfield, Illinois`, or coordinates like `52.52,13.41`
    location: Location,
}

/// The air of a place.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AirQuality {
    /// The place that was meant
    location: String,
    #[serde(flatten)]
    air: Air,
    /// Other places of that name
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Place>,
    #[serde(flatten)]
    origin: Origin,
}

impl ToolOutput for AirQuality {}

impl Tool for GetAirQuality {
    type Server = Weather;
    type Output = AirQuality;

    const SPEC: ToolSpec = ToolSpec::read("get_air_quality", "Get air quality")
        .scopes(&["weather:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(4_000))
        .outside_text(&["open-meteo"])
        .open_world();

    async fn call(self, server: &Weather, context: &CallContext) -> Result<AirQuality> {
        let answer = server.client.air(&self.location, context).await?;
        Ok(AirQuality {
            location: answer.location,
            air: Air::clone(&answer.value),
            candidates: answer.candidates,
            origin: Origin::new(Source::OpenMeteo, answer.freshness),
        })
    }
}
