//! What is kept: asked for once, shared by all, and better stale than nothing.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::stage::{AIR_QUALITY, ARCHIVE, FORECAST, SEARCH, Stage, calls, command, recorded};

fn cache(result: &Value) -> &Value {
    &result["_meta"]["io.github.mcp-chassis/cache"]
}

#[tokio::test]
async fn a_second_call_is_answered_from_the_first_and_says_so() {
    let stage = Stage::with(&[]).await;
    for at in [SEARCH, FORECAST, AIR_QUALITY, ARCHIVE] {
        stage.serve(at, recorded(at)).await;
    }
    for (tool, arguments, _) in calls() {
        let first = stage.call(tool, arguments.clone()).await;
        assert_eq!(cache(&first), &json!({ "state": "miss", "age_ms": 0 }), "{tool}");
        let requests = stage.requests().await;
        let second = stage.call(tool, arguments).await;
        assert_eq!(cache(&second)["state"], "hit", "{tool}");
        assert_eq!(second["structuredContent"], first["structuredContent"], "{tool}");
        assert_eq!(stage.requests().await, requests, "{tool}");
    }
}

#[tokio::test]
async fn many_who_ask_at_once_cause_one_request() {
    let settings = [("MCP_MAX_CONCURRENCY_PER_CLIENT", "256")];
    let stage = Stage::with(&settings).await;
    let slow = ResponseTemplate::new(200).set_body_json(recorded(FORECAST));
    stage.serve(FORECAST, slow.set_delay(Duration::from_millis(300))).await;
    let ask = || stage.answer("get_weather", json!({ "location": "1,2" }));
    let answers = join_all((0..200).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| answer["temperature"] == 3.4));
    assert_eq!(stage.requests().await, 1);
}

#[tokio::test]
async fn the_last_answer_stands_in_for_an_upstream_that_fails_and_is_marked() {
    let stage = Stage::with(&[("WEATHER_CACHE", "1ms")]).await;
    for (tool, arguments, at) in calls() {
        if tool == "search_locations" {
            // Places are kept for a day.
            continue;
        }
        stage.reset().await;
        stage.serve(at, recorded(at)).await;
        let mut expected = stage.answer(tool, arguments.clone()).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        stage.reset().await;
        stage.serve(at, ResponseTemplate::new(500)).await;
        let result = stage.call(tool, arguments).await;
        expected["stale"] = true.into();
        assert_eq!(result["structuredContent"], expected, "{tool}");
        assert_eq!(cache(&result)["state"], "stale", "{tool}");
        assert!(cache(&result)["age_ms"].as_u64().unwrap() >= 5, "{tool}");
    }
}

#[tokio::test]
async fn a_client_on_stdio_gets_the_same() {
    let stage = Stage::new().await;
    let http = stage.answer("get_weather", json!({ "location": "Berlin" })).await;
    let uri = stage.upstream.uri();
    let command = command().env("WEATHER_API_URL", &uri).env("GEOCODING_API_URL", &uri);
    let mut client = command.stdio();
    let stdio = client.call_tool("get_weather", json!({ "location": "Berlin" })).await;
    assert_eq!(stdio["result"]["structuredContent"], http);
    assert!(client.close().await.success());
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let stage = Stage::with(&[]).await;
    stage.serve(FORECAST, ResponseTemplate::new(404)).await;
    let location = json!({ "location": "1,2" });
    assert_eq!(stage.error("get_weather", location.clone()).await["code"], "not_found");
    stage.reset().await;
    stage.serve(FORECAST, recorded(FORECAST)).await;
    stage.answer("get_weather", location).await;
}

#[tokio::test]
async fn units_are_kept_apart() {
    let stage = Stage::new().await;
    for units in ["celsius", "fahrenheit"] {
        let result = stage.call("get_weather", json!({ "location": "1,2", "units": units })).await;
        assert_eq!(cache(&result)["state"], "miss", "{units}");
    }
}
