//! What the server offers and answers, as it was reviewed.

use mcp_testkit::surface::lists_are_complete;
use serde_json::{Value, json};
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{path, query_param},
};

use crate::stage::{AIR_QUALITY, ARCHIVE, FORECAST, SEARCH, Stage, command, fixture};

fn check(name: &str, value: &Value) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(name, value));
}

/// A result without what differs from call to call.
fn settled(mut result: Value) -> Value {
    let meta = &mut result["_meta"];
    meta["io.github.mcp-chassis/request_id"] = "[id]".into();
    if meta["io.github.mcp-chassis/cache"]["age_ms"].is_u64() {
        meta["io.github.mcp-chassis/cache"]["age_ms"] = "[age]".into();
    }
    // The same as the structured content, between marks that nobody can guess.
    result["content"] = "[text]".into();
    result
}

async fn answer(name: &str, stage: &Stage, tool: &str, arguments: Value) {
    check(name, &settled(stage.call(tool, arguments).await));
}

#[tokio::test]
async fn the_surface() {
    let server = command().http().await;
    let client = mcp_testkit::HttpClient::new(server.url());
    check("tools", &client.list_tools().await.result()["tools"]);
    let list = async |method: &str| client.request(method, json!({})).send().await.result().clone();
    check("resources", &list("resources/list").await["resources"]);
    check("prompts", &list("prompts/list").await["prompts"]);
}

#[tokio::test]
async fn the_weather_of_a_name_of_coordinates_and_of_an_ambiguous_name() {
    let stage = Stage::new().await;
    answer("get_weather", &stage, "get_weather", json!({ "location": "Berlin" })).await;
    let coordinates = json!({ "location": "52.52,13.41" });
    answer("get_weather_coordinates", &stage, "get_weather", coordinates).await;

    stage.reset().await;
    stage.serve(SEARCH, fixture("geocoding_springfield")).await;
    Mock::given(path(FORECAST))
        .and(query_param("latitude", "37.2153"))
        .and(query_param("longitude", "-93.2982"))
        .and(query_param("temperature_unit", "fahrenheit"))
        .and(query_param("timezone", "auto"))
        .and(query_param("forecast_days", "3"))
        .respond_with(ResponseTemplate::new(200).set_body_json(fixture("forecast_fahrenheit")))
        .mount(&stage.upstream)
        .await;
    let springfield = json!({ "location": "Springfield", "units": "fahrenheit" });
    answer("get_weather_ambiguous", &stage, "get_weather", springfield).await;
}

#[tokio::test]
async fn the_forecast_by_days_and_hours() {
    let stage = Stage::new().await;
    stage.reset().await;
    stage.serve(SEARCH, fixture("geocoding_berlin")).await;
    Mock::given(path(FORECAST))
        .and(query_param("forecast_days", "2"))
        .and(query_param("hourly", "temperature_2m,weather_code,precipitation_probability"))
        .respond_with(ResponseTemplate::new(200).set_body_json(fixture("forecast_hourly")))
        .mount(&stage.upstream)
        .await;
    let hourly = json!({ "location": "Berlin", "days": 2, "hourly": true });
    answer("get_forecast_hourly", &stage, "get_forecast", hourly).await;
    stage.serve(FORECAST, fixture("forecast")).await;
    let daily = json!({ "location": "Berlin", "days": 3 });
    answer("get_forecast", &stage, "get_forecast", daily).await;
}

#[tokio::test]
async fn places_air_and_history() {
    let stage = Stage::with(&[]).await;
    stage.serve(SEARCH, fixture("geocoding_springfield")).await;
    stage.serve(AIR_QUALITY, fixture("air_quality")).await;
    stage.serve(ARCHIVE, fixture("archive")).await;
    let query = json!({ "query": "Springfield", "limit": 3 });
    answer("search_locations", &stage, "search_locations", query).await;
    let location = json!({ "location": "52.52,13.41" });
    answer("get_air_quality", &stage, "get_air_quality", location).await;
    let past = json!({
        "location": "52.52,13.41", "start_date": "2025-12-24", "end_date": "2025-12-27",
    });
    answer("get_historical_weather", &stage, "get_historical_weather", past).await;
}

#[tokio::test]
async fn failures_as_they_are_told() {
    let stage = Stage::with(&[]).await;
    stage.serve(SEARCH, fixture("geocoding_none")).await;
    let failure = async |name: &str, location: &str| {
        let mut error = stage.error("get_weather", json!({ "location": location })).await;
        error["request_id"] = "[id]".into();
        check(name, &error);
    };
    failure("error_not_found", "Atlantis").await;
    failure("error_invalid_input", "91,0").await;
    stage.serve(FORECAST, ResponseTemplate::new(429).insert_header("retry-after", "7")).await;
    failure("error_rate_limited", "1,1").await;
    stage.reset().await;
    stage.serve(FORECAST, ResponseTemplate::new(400).set_body_json(fixture("error"))).await;
    failure("error_upstream", "1,1").await;
}

#[tokio::test]
async fn the_cities_and_the_briefing() {
    let stage = Stage::new().await;
    let cities = stage.client.read_resource("config://supported-cities").await;
    check("supported_cities", &cities.result()["contents"]);
    let arguments = json!({ "city": "Berlin", "arrival_date": "2026-01-12" });
    let briefing = stage.client.get_prompt("weather_briefing", arguments).await;
    check("weather_briefing", &briefing.result()["messages"]);
    assert_eq!(stage.requests().await, 0);
}

#[tokio::test]
async fn whatever_is_listed_is_titled_pictured_signed_and_in_one_order() {
    lists_are_complete(&command()).await;
}
