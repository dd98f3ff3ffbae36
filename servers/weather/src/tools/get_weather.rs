//! `get_weather`.

use std::borrow::Cow;

use chrono::NaiveDate;
use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    Weather,
    client::{Detail, Extent},
    location::Location,
    models::{Current, Day, Origin, Place, Units},
};

/// How many days are told.
const DAYS: u32 = 3;

/// Tells the weather of a place now, and of today and the two days after it. An ambiguous name means the most
/// populous place; the others stand in `candidates`.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetWeather {
    /// A place's name like `Berlin` or `Springfield, Illinois`, or coordinates like `52.52,13.41`
    location: Location,
    /// The unit of temperatures
    #[serde(default)]
    units: Units,
}

/// The weather now and the next days.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WeatherNow {
    /// The place that was meant
    location: String,
    /// The unit of temperatures
    units: Units,
    #[serde(flatten)]
    current: Current,
    /// Today and the days after it
    forecast: Vec<BriefDay>,
    /// Other places of that name
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Place>,
    #[serde(flatten)]
    origin: Origin,
}

impl ToolOutput for WeatherNow {}

/// One day in brief.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BriefDay {
    /// In the place's own time zone
    #[schemars(with = "NaiveDate")]
    date: String,
    /// The highest temperature
    max: f64,
    /// The lowest temperature
    min: f64,
    /// The most severe weather of the day, in words
    conditions: Cow<'static, str>,
}

impl From<&Day> for BriefDay {
    fn from(day: &Day) -> Self {
        let Day { date, max, min, conditions, .. } = day;
        Self { date: date.clone(), max: *max, min: *min, conditions: conditions.clone() }
    }
}

impl Tool for GetWeather {
    type Server = Weather;
    type Output = WeatherNow;

    const SPEC: ToolSpec = ToolSpec::read("get_weather", "Get weather")
        .scopes(&["weather:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(4_000))
        .outside_text(&["open-meteo", "wttr.in"])
        .open_world()
        .shown_by(&super::CARD);

    async fn call(self, server: &Weather, context: &CallContext) -> Result<WeatherNow> {
        let extent = Extent { days: DAYS, detail: Detail::Brief, units: self.units };
        let answer = server.client.report(&self.location, extent, context).await?;
        let report = &answer.value;
        Ok(WeatherNow {
            location: answer.location,
            units: self.units,
            current: report.current.clone(),
            forecast: report.days.iter().map(BriefDay::from).collect(),
            candidates: answer.candidates,
            origin: Origin::new(report.source, answer.freshness),
        })
    }
}
