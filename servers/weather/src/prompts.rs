//! `weather_briefing`: what a traveller asks a model for.

use mcp_chassis::{Budget, CallContext, Prompt, PromptPart, PromptSpec, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{Weather, location::PlaceName, tools::Date};

/// How many cities a completion offers.
const COMPLETED: usize = 20;

/// Asks for a short briefing on the weather of a journey, with what to pack.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeatherBriefing {
    /// The city of arrival
    city: PlaceName,
    /// The day of arrival, like `2026-01-31`
    arrival_date: Date,
}

impl Prompt for WeatherBriefing {
    type Server = Weather;

    const SPEC: PromptSpec = PromptSpec::named("weather_briefing", "Weather briefing")
        .scopes(&["weather:read"])
        .deadline_secs(5)
        .output_budget(Budget::tokens(2_000))
        .own_text();

    async fn render(self, _server: &Weather, _context: &CallContext) -> Result<Vec<PromptPart>> {
        let (city, date) = (self.city.as_str(), self.arrival_date);
        let task = format!(
            "I arrive in {city} on {date}. Call the tool `get_weather` with the location `{city}`. Then brief me in \
             exactly three sentences: the weather to expect on that day, how the days after it differ, and what to \
             pack. If the day is beyond the forecast, say so and go by the season.",
        );
        Ok(vec![PromptPart::Instruction(task)])
    }

    async fn complete(
        server: &Weather,
        name: &str,
        typed: &str,
        _context: &CallContext,
    ) -> Result<Vec<String>> {
        let typed = typed.to_lowercase();
        let begins = |city: &&String| name == "city" && city.to_lowercase().starts_with(&typed);
        Ok(server.cities.iter().filter(begins).take(COMPLETED).cloned().collect())
    }
}
