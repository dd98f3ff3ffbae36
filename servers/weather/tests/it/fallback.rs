//! wttr.in stands in for forecasts, and for nothing that it cannot know.

use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{path, query_param},
};

use crate::stage::{FORECAST, SEARCH, Stage, fixture};

/// A stage with a fallback that knows `place`.
async fn with_fallback(place: &str) -> (Stage, MockServer) {
    let fallback = MockServer::start().await;
    Mock::given(path(format!("/{place}")))
        .and(query_param("format", "j1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(fixture("wttr")))
        .mount(&fallback)
        .await;
    (Stage::with(&[("WEATHER_FALLBACK_URL", &fallback.uri())]).await, fallback)
}

#[tokio::test]
async fn when_the_forecast_fails_wttr_stands_in_and_is_named() {
    let (stage, _fallback) = with_fallback("52.52437,13.41053").await;
    stage.serve(SEARCH, fixture("geocoding_berlin")).await;
    stage.serve(FORECAST, ResponseTemplate::new(500)).await;
    for (units, now, first) in [("celsius", 3.0, 4.0), ("fahrenheit", 37.0, 39.0)] {
        let arguments = json!({ "location": "Berlin", "units": units });
        let weather = stage.answer("get_weather", arguments).await;
        assert_eq!(weather["location"], "Berlin, State of Berlin, Germany");
        assert_eq!((&weather["source"], &weather["temperature"]), (&json!("wttr.in"), &json!(now)));
        assert_eq!(weather["conditions"], "light rain");
        assert_eq!((&weather["humidity_pct"], &weather["wind_kmh"]), (&json!(84.0), &json!(19.0)));
        assert_eq!(weather["attribution"], "Weather data by wttr.in");
        let day = json!({ "date": "2026-01-10", "max": first, "min": if now < 9.0 { 1.0 } else { 34.0 },
            "conditions": "light rain" });
        assert_eq!(weather["forecast"][0], day);
        assert_eq!(weather["forecast"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn when_even_the_places_fail_wttr_is_asked_by_name() {
    let (stage, _fallback) = with_fallback("Berlin").await;
    stage.serve(SEARCH, ResponseTemplate::new(503)).await;
    let weather = stage.answer("get_weather", json!({ "location": "Berlin" })).await;
    assert_eq!((&weather["source"], &weather["location"]), (&json!("wttr.in"), &json!("Berlin")));
}

#[tokio::test]
async fn what_the_fallback_does_not_know_is_told_as_missing() {
    let (stage, _fallback) = with_fallback("1,2").await;
    stage.serve(FORECAST, ResponseTemplate::new(500)).await;
    let arguments = json!({ "location": "1,2", "days": 7, "hourly": true });
    let forecast = stage.answer("get_forecast", arguments).await;
    assert_eq!(
        (forecast["partial"].as_bool(), forecast["forecast"][2]["max"].as_f64()),
        (Some(true), Some(0.0))
    );
    assert_eq!(forecast["failures"][0]["part"], "later days");
    assert_eq!(forecast["failures"][1]["part"], "hours");
    let three = stage.answer("get_forecast", json!({ "location": "1,2", "days": 3 })).await;
    assert_eq!(three.get("partial"), None);
}

#[tokio::test]
async fn when_both_fail_the_primary_s_failure_counts() {
    let (stage, _fallback) = with_fallback("nowhere").await;
    stage.serve(FORECAST, ResponseTemplate::new(429).insert_header("retry-after", "7")).await;
    let error = stage.error("get_weather", json!({ "location": "1,2" })).await;
    assert_eq!((&error["code"], &error["retry_after_ms"]), (&json!("rate_limited"), &json!(7_000)));
}

#[tokio::test]
async fn an_answer_is_no_reason_to_fall_back() {
    let (stage, fallback) = with_fallback("Atlantis").await;
    stage.serve(SEARCH, fixture("geocoding_none")).await;
    let error = stage.error("get_weather", json!({ "location": "Atlantis" })).await;
    assert_eq!(error["code"], "not_found");
    assert!(fallback.received_requests().await.unwrap().is_empty());
}
