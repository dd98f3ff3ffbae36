//! `get_forecast`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    Weather,
    client::{Detail, Extent},
    location::Location,
    models::{Day, Hour, Origin, Place, Report, Units},
};

/// Tells the weather of the next days at a place, today included; hour by hour for at most the first 7 days.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetForecast {
    /// A place's name like `Berlin` or `Springfield, Illinois`, or coordinates like `52.52,13.41`
    location: Location,
    /// How many days
    #[serde(default = "default_days")]
    #[validate(range(min = 1, max = 16))]
    days: u32,
    /// The unit of temperatures
    #[serde(default)]
    units: Units,
    /// Whether to tell the hours, too
    #[serde(default)]
    hourly: bool,
}

fn default_days() -> u32 {
    7
}

/// The weather of the next days.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NextDays {
    /// The place that was meant
    location: String,
    /// The unit of temperatures
    units: Units,
    /// Today and the days after it
    forecast: Vec<Day>,
    /// The hours of the first days
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hourly: Vec<Hour>,
    /// Other places of that name
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Place>,
    /// Present when something that was asked for is missing; `failures` says what
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    /// What is missing, and why
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Missing>,
    #[serde(flatten)]
    origin: Origin,
}

impl ToolOutput for NextDays {}

/// A part of the answer that could not be had.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Missing {
    /// Which part
    part: &'static str,
    /// An error code
    code: &'static str,
    /// What happened
    message: String,
}

impl GetForecast {
    /// What the source of this report, perhaps the fallback, did not have.
    fn missing(&self, report: &Report) -> Vec<Missing> {
        let missing = |part, is_missing: bool| {
            let message = format!("{} did not tell the {part}", report.source.service());
            is_missing.then_some(Missing { part, code: "unavailable", message })
        };
        let days = usize::try_from(self.days).unwrap_or(usize::MAX);
        let later_days = missing("later days", report.days.len() < days);
        let hours = missing("hours", self.hourly && report.hours.is_empty());
        later_days.into_iter().chain(hours).collect()
    }
}

impl Tool for GetForecast {
    type Server = Weather;
    type Output = NextDays;

    const SPEC: ToolSpec = ToolSpec::read("get_forecast", "Get forecast")
        .scopes(&["weather:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(12_000))
        .outside_text(&["open-meteo", "wttr.in"])
        .open_world()
        .shown_by(&super::CARD);

    async fn call(self, server: &Weather, context: &CallContext) -> Result<NextDays> {
        let detail = if self.hourly { Detail::Hourly } else { Detail::Daily };
        let extent = Extent { days: self.days, detail, units: self.units };
        let answer = server.client.report(&self.location, extent, context).await?;
        let report = &answer.value;
        let failures = self.missing(report);
        Ok(NextDays {
            location: answer.location,
            units: self.units,
            forecast: report.days.clone(),
            hourly: report.hours.clone(),
            candidates: answer.candidates,
            partial: !failures.is_empty(),
            failures,
            origin: Origin::new(report.source, answer.freshness),
        })
    }
}
