//! `get_historical_weather`.

use chrono::Utc;
use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::{Date, Period};
use crate::{
    Weather,
    location::Location,
    models::{Day, Origin, Place, Source, Units},
};

/// Tells the weather of past days at a place, from 1940 on, at most 366 days at a time. The last days may not be
/// known yet and are left out then.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetHistoricalWeather {
    /// A place's name like `Berlin` or `Springfield, Illinois`, or coordinates like `52.52,13.41`
    location: Location,
    /// The first day, like `2026-01-01`
    start_date: Date,
    /// The last day, like `2026-01-31`
    end_date: Date,
    /// The unit of temperatures
    #[serde(default)]
    units: Units,
}

/// The weather of past days.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct History {
    /// The place that was meant
    location: String,
    /// The unit of temperatures
    units: Units,
    /// Every day that is known
    days: Vec<Day>,
    /// Other places of that name
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Place>,
    #[serde(flatten)]
    origin: Origin,
}

impl ToolOutput for History {}

impl Tool for GetHistoricalWeather {
    type Server = Weather;
    type Output = History;

    const SPEC: ToolSpec = ToolSpec::read("get_historical_weather", "Get historical weather")
        .scopes(&["weather:read"])
        .deadline_secs(20)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["open-meteo"])
        .open_world();

    async fn call(self, server: &Weather, context: &CallContext) -> Result<History> {
        let period = Period::new(self.start_date, self.end_date, Utc::now().date_naive())?;
        let answer = server.client.history(&self.location, period, self.units, context).await?;
        Ok(History {
            location: answer.location,
            units: self.units,
            days: answer.value.to_vec(),
            candidates: answer.candidates,
            origin: Origin::new(Source::OpenMeteo, answer.freshness),
        })
    }
}
