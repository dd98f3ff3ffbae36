//! The weather server: what it offers, and what it stands on.

use mcp_chassis::{Catalog, Check, Icon, Server, StartError};

use crate::{Config, client::Client, prompts::WeatherBriefing, resources::SupportedCities, tools};

/// Weather over MCP.
#[derive(Debug)]
pub struct Weather {
    pub(crate) client: Client,
    pub(crate) cities: Vec<String>,
}

// There are no readiness checks: a replica that takes itself out because Open-Meteo fails could not even answer
// with the fallback or with what it keeps.
impl Server for Weather {
    const NAME: &'static str = "weather";
    const TITLE: &'static str = "Weather";
    const ICON: Option<Icon> = Some(Icon::svg(include_str!("../icon.svg")));
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const INSTRUCTIONS: &'static str = "The weather now, in the next 16 days and in the past, and the quality of the \
        air, for a place's name or for coordinates like `52.52,13.41`. When an answer has `candidates`, the name was \
        ambiguous and the most populous place was taken: ask again with coordinates if another one is meant. Show the \
        `attribution` with the data, and say so when an answer is `stale`.";

    type Config = Config;

    fn register(catalog: &mut Catalog<Self>) {
        tools::register(catalog);
        catalog.resource::<SupportedCities>().prompt::<WeatherBriefing>();
    }

    async fn diagnose(&self) -> Vec<Check> {
        self.client.diagnose().await
    }

    async fn start(config: Config) -> Result<Self, StartError> {
        Ok(Self { client: Client::new(&config)?, cities: config.cities })
    }
}
