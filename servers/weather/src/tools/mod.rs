//! The tools, a file each, and the list of those that are offered.

mod date;
mod get_air_quality;
mod get_forecast;
mod get_historical_weather;
mod get_weather;
mod search_locations;

use mcp_chassis::{Budget, Catalog, PageSpec};

use crate::Weather;

pub(crate) use date::{Date, Period};

/// Offers every tool, in the order in which clients list them.
pub(crate) fn register(catalog: &mut Catalog<Weather>) {
    catalog
        .tool::<get_weather::GetWeather>()
        .tool::<get_forecast::GetForecast>()
        .tool::<search_locations::SearchLocations>()
        .tool::<get_air_quality::GetAirQuality>()
        .tool::<get_historical_weather::GetHistoricalWeather>();
}

/// The card that shows the weather of a place, now and in the next days.
const CARD: PageSpec = PageSpec::page(
    "ui://weather/card",
    "card",
    "Weather card",
    include_str!("../../pages/weather.html"),
)
.scopes(&["weather:read"])
.deadline_secs(5)
.output_budget(Budget::tokens(40_000))
.own_text();
