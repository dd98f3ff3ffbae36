//! What a deployment of the weather server decides.

use std::time::Duration;

use mcp_chassis::{HumanDuration, Reader, Settings, UpstreamConfig};

use crate::cities;

/// The settings of the weather server.
#[derive(Debug)]
pub struct Config {
    /// `WEATHER_API_URL`, limits in `[upstream.forecast]`.
    pub(crate) forecast: UpstreamConfig,
    /// `GEOCODING_API_URL`, limits in `[upstream.geocoding]`.
    pub(crate) geocoding: UpstreamConfig,
    /// `AIR_QUALITY_API_URL`, limits in `[upstream.air-quality]`.
    pub(crate) air_quality: UpstreamConfig,
    /// `ARCHIVE_API_URL`, limits in `[upstream.archive]`.
    pub(crate) archive: UpstreamConfig,
    /// `WEATHER_FALLBACK_URL`, limits in `[upstream.fallback]`. None where the deployer chose the primary alone.
    pub(crate) fallback: Option<UpstreamConfig>,
    /// `WEATHER_CACHE`: how long an answer is as good as a new one.
    pub(crate) fresh: Duration,
    /// `WEATHER_CITIES_FILE`, or the built-in cities.
    pub(crate) cities: Vec<String>,
}

impl Settings for Config {
    fn read(reader: &mut Reader<'_>) -> Self {
        let forecast = reader.upstream(
            "forecast",
            "WEATHER_API_URL",
            "https://api.open-meteo.com",
            "the base of Open-Meteo's forecast API",
        );
        let geocoding = reader.upstream(
            "geocoding",
            "GEOCODING_API_URL",
            "https://geocoding-api.open-meteo.com",
            "the base of Open-Meteo's geocoding API",
        );
        let air_quality = reader.upstream(
            "air-quality",
            "AIR_QUALITY_API_URL",
            "https://air-quality-api.open-meteo.com",
            "the base of Open-Meteo's air quality API",
        );
        let archive = reader.upstream(
            "archive",
            "ARCHIVE_API_URL",
            "https://archive-api.open-meteo.com",
            "the base of Open-Meteo's archive API",
        );
        let fallback = reader.upstream(
            "fallback",
            "WEATHER_FALLBACK_URL",
            "https://wttr.in",
            "the base of wttr.in; not used by default where WEATHER_API_URL is set",
        );
        // Who moved the primary did not agree that places are told to somebody else.
        let may_fall_back = fallback.is_chosen || !forecast.is_chosen;
        let HumanDuration(fresh) = reader
            .or("WEATHER_CACHE", "10m", "how long an answer about a place is kept, like `10m`")
            .or_stand_in(HumanDuration(Duration::ZERO));
        Self {
            forecast,
            geocoding,
            air_quality,
            archive,
            fallback: may_fall_back.then_some(fallback),
            fresh,
            cities: supported_cities(reader),
        }
    }
}

fn supported_cities(reader: &mut Reader<'_>) -> Vec<String> {
    const VARIABLE: &str = "WEATHER_CITIES_FILE";
    let meaning = "a file of cities, one a line or as JSON; six large cities when not set";
    let Some(path) = reader.file(VARIABLE, meaning) else {
        return cities::built_in();
    };
    cities::read(&path).unwrap_or_else(|problem| {
        reader.problem(VARIABLE, &format!("file {}", path.display()), problem);
        Vec::new()
    })
}
