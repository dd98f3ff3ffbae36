//! Bad input, tool by tool: refused with the argument named, its value not repeated, and nobody asked.

use mcp_testkit::ServerCommand;
use serde_json::{Value, json};

use crate::stage::{SEARCH, Stage, command, fixture};

/// Each call is refused for `field`, and the upstream hears nothing of it.
async fn refused(tool: &str, cases: &[(&str, Value)]) {
    let stage = Stage::new().await;
    for (field, arguments) in cases {
        let error = stage.error(tool, arguments.clone()).await;
        let told: String = error.to_string().chars().take(400).collect();
        assert_eq!(error["code"], "invalid_input", "{told}");
        assert_eq!(error["details"]["fields"][0]["field"], *field, "{told}");
        assert!(error.to_string().len() < 1_000, "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    assert_eq!(stage.requests().await, 0);
}

/// What is no location, whatever the tool. A body may be a mebibyte at most, and so a text a little less.
fn no_locations() -> Vec<Value> {
    let long = "a".repeat(1_000_000);
    let texts = [
        "",
        " ",
        "../../etc/hunter2",
        "a/b",
        "a%2e%2e",
        "a?hunter2=1",
        "a#hunter2",
        "a..b",
        "a\u{0}b",
        "a\nb",
        "a\u{1b}[0m",
        "a\u{202e}b",
        "a\u{200b}b",
        "@hunter2",
        "~hunter2",
        "<script>",
        "...",
        &long,
    ];
    texts.iter().map(|text| json!(text)).chain([json!(7), json!(null), json!(["Berlin"])]).collect()
}

/// The tool's arguments with each of `values` as `field`.
fn each(field: &'static str, values: Vec<Value>, rest: &Value) -> Vec<(&'static str, Value)> {
    let with = |value| {
        let mut arguments = rest.clone();
        arguments[field] = value;
        (field, arguments)
    };
    values.into_iter().map(with).collect()
}

fn off_the_globe() -> Vec<Value> {
    ["91,0", "-90.1,0", "0,180.1", "0,-999", "99999999999,0"].map(Value::from).to_vec()
}

#[tokio::test]
async fn get_weather_refuses() {
    let mut cases = each("location", no_locations(), &json!({}));
    cases.extend(each("location", off_the_globe(), &json!({})));
    cases.push(("location", json!({})));
    cases.push(("units", json!({ "location": "Berlin", "units": "kelvin" })));
    cases.push(("city", json!({ "location": "Berlin", "city": "hunter2" })));
    refused("get_weather", &cases).await;
}

#[tokio::test]
async fn get_forecast_refuses() {
    let mut cases = each("location", no_locations(), &json!({}));
    cases.extend(each("location", off_the_globe(), &json!({})));
    let days = vec![json!(0), json!(17), json!(-1), json!(1.5), json!("7"), json!(1_u64 << 40)];
    cases.extend(each("days", days, &json!({ "location": "Berlin" })));
    cases.push(("hourly", json!({ "location": "Berlin", "hourly": "yes" })));
    cases.push(("units", json!({ "location": "Berlin", "units": "Celsius" })));
    refused("get_forecast", &cases).await;
}

#[tokio::test]
async fn search_locations_refuses() {
    let mut cases = each("query", no_locations(), &json!({}));
    let limits = vec![json!(0), json!(51), json!(-1), json!("9")];
    cases.extend(each("limit", limits, &json!({ "query": "Berlin" })));
    cases.push(("location", json!({ "query": "Berlin", "location": "hunter2" })));
    refused("search_locations", &cases).await;
}

#[tokio::test]
async fn get_air_quality_refuses() {
    let mut cases = each("location", no_locations(), &json!({}));
    cases.extend(each("location", off_the_globe(), &json!({})));
    cases.push(("units", json!({ "location": "Berlin", "units": "celsius" })));
    refused("get_air_quality", &cases).await;
}

#[tokio::test]
async fn get_historical_weather_refuses() {
    let dates =
        json!({ "location": "Berlin", "start_date": "2025-01-01", "end_date": "2025-01-02" });
    let mut cases = each("location", no_locations(), &dates);
    cases.extend(each("location", off_the_globe(), &dates));
    let no_dates =
        ["", "hunter2", "2025-02-30", "2025-1-1", "01.01.2025", "2025-01-01T00:00", "../2025-01"];
    for field in ["start_date", "end_date"] {
        cases.extend(each(field, no_dates.map(Value::from).to_vec(), &dates));
    }
    let ends = ["2024-12-31", "2026-01-02", "9999-12-31"];
    cases.extend(each("end_date", ends.map(Value::from).to_vec(), &dates));
    cases.extend(each("start_date", vec![json!("1939-12-31")], &dates));
    refused("get_historical_weather", &cases).await;
}

#[tokio::test]
async fn a_name_stays_in_its_place_in_the_address() {
    let stage = Stage::with(&[]).await;
    stage.serve(SEARCH, fixture("geocoding_none")).await;
    let name = "Köln & count+1, Land, St. X's";
    stage.answer("search_locations", json!({ "query": name, "limit": 2 })).await;
    let requests = stage.upstream.received_requests().await.unwrap();
    let query: Vec<_> = requests[0].url.query_pairs().into_owned().collect();
    let expected = [("name", name), ("count", "2"), ("language", "en"), ("format", "json")];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let agent = requests[0].headers["user-agent"].to_str().unwrap();
    assert_eq!(agent, concat!("mcp-weather/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn the_briefing_refuses_what_is_no_city_and_no_date() {
    let stage = Stage::with(&[]).await;
    for (city, date) in [("../x", "2026-01-01"), ("Oslo\nObey", "2026-01-01"), ("Oslo", "soon")] {
        let arguments = json!({ "city": city, "arrival_date": date });
        let reply = stage.client.get_prompt("weather_briefing", arguments).await;
        assert_eq!(reply.json()["error"]["code"], -32602, "{city} {date}");
    }
}

async fn config_problem(command: ServerCommand) -> String {
    let output = command.args(["config", "check"]).output().await;
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let problem = config_problem(command().env("WEATHER_API_URL", "ftp://u:hunter2@x")).await;
    assert!(problem.contains("WEATHER_API_URL") && !problem.contains("hunter2"), "{problem}");
    let problem = config_problem(command().env("WEATHER_CITIES_FILE", "/no/such/file")).await;
    assert!(problem.contains("WEATHER_CITIES_FILE"), "{problem}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[upstream.forecasts]\nattempts = 1\n").unwrap();
    let problem = config_problem(command().env("MCP_CONFIG", file.path())).await;
    assert!(
        problem.contains("[upstream.forecasts]") && problem.contains("`forecast`"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_deployment_names_cities_of_its_own() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Oslo\nReykjavík\n").unwrap();
    let stage = Stage::with(&[("WEATHER_CITIES_FILE", file.path().to_str().unwrap())]).await;
    let reply = stage.client.read_resource("config://supported-cities").await;
    let text = reply.result()["contents"][0]["text"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(text).unwrap(),
        json!({ "cities": ["Oslo", "Reykjavík"] })
    );
}

#[tokio::test]
async fn an_upstream_is_asked_as_often_as_its_settings_say() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[upstream.forecast]\nattempts = 1\n").unwrap();
    let stage = Stage::with(&[("MCP_CONFIG", file.path().to_str().unwrap())]).await;
    stage.serve("/v1/forecast", wiremock::ResponseTemplate::new(500)).await;
    stage.error("get_weather", json!({ "location": "1,2" })).await;
    assert_eq!(stage.requests().await, 1);
}
