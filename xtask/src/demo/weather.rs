//! A journey to Berlin: where it is, the weather there, the air, and what to pack.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::Script;
use super::conversation::Conversation;
use crate::recorded::{self, Documents};

pub(super) const SCRIPT: Script = Script {
    server: "weather",
    scopes: "weather:read",
    environment,
    readers_headers: &[],
    steps: |conversation| Box::pin(steps(conversation)),
};

const OPEN_METEO: Documents = &[
    ("/v1/search", include_str!("../../../fixtures/weather/geocoding_berlin.json")),
    ("/v1/forecast", include_str!("../../../fixtures/weather/forecast.json")),
    ("/v1/air-quality", include_str!("../../../fixtures/weather/air_quality.json")),
    ("/v1/archive", include_str!("../../../fixtures/weather/archive.json")),
];

fn environment(_folder: &Path) -> Result<Vec<(&'static str, String)>> {
    let base = recorded::serve(OPEN_METEO)?;
    let bases = ["WEATHER_API_URL", "GEOCODING_API_URL", "AIR_QUALITY_API_URL", "ARCHIVE_API_URL"];
    let audit = ("MCP_AUDIT_READS", "true".to_owned());
    Ok(bases.into_iter().map(|name| (name, base.clone())).chain([audit]).collect())
}

async fn steps(client: &mut Conversation) -> Result<()> {
    client.discover()?;
    client.list_tools(&["get_weather", "get_forecast", "get_historical_weather"]).await?;

    let cities = client.read("config://supported-cities").await?;
    cities.expect("/cities/1", "Berlin")?;
    let query = json!({ "query": "Berlin" });
    let shown = ["/locations/0/name", "/locations/0/country", "/locations/0/population"];
    client.call("search_locations", query, &shown).await?.expect("/locations/0/name", "Berlin")?;

    let berlin = json!({ "location": "Berlin" });
    let shown = ["/location", "/temperature", "/units", "/conditions", "/attribution"];
    let now = client.call("get_weather", berlin.clone(), &shown).await?;
    now.expect("/temperature", 3.4)?.expect("/forecast/2/conditions", "slight snowfall")?;
    let air = client.call("get_air_quality", berlin, &["/european_aqi", "/category"]).await?;
    air.expect("/category", "fair")?;

    let past = json!({
        "location": "52.52,13.41", "start_date": "2025-12-24", "end_date": "2025-12-27",
    });
    let past = client.call("get_historical_weather", past, &["/days/0", "/days/1"]).await?;
    past.expect("/days/0/mean", -0.4)?;
    let nowhere = json!({ "location": "91,0" });
    client.call_fails("get_weather", nowhere, "invalid_input").await?;
    let journey = json!({ "city": "Berlin", "arrival_date": "2026-01-12" });
    client.prompt("weather_briefing", journey, "what to pack").await
}
