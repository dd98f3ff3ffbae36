//! The tools, a file each, and the list of those that are offered.

mod date;
mod get_air_quality;
mod get_forecast;
mod get_historical_weather;
mod get_weather;
mod search_locations;

use mcp_chassis::Catalog;

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
