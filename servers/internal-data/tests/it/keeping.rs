//! What is kept: asked for once, for each caller apart, and better stale than nothing.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    stage::{Stage, cache, command},
    upstream::{KINDS, Kind, calls, status},
};

/// Settings under which nothing stays fresh.
const SHORT: [(&str, &str); 3] = [
    ("INTERNAL_CACHE_METRICS", "1ms"),
    ("INTERNAL_CACHE_RECORDS", "1ms"),
    ("INTERNAL_CACHE_PROFILES", "1ms"),
];

async fn grow_old() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

#[tokio::test]
async fn a_second_call_is_answered_from_the_first_and_says_so() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        for (tool, arguments) in calls() {
            let first = stage.call(tool, arguments.clone()).await;
            assert_eq!(cache(&first), &json!({ "state": "miss", "age_ms": 0 }), "{tool}");
            let requests = stage.api.requests().await;
            let second = stage.call(tool, arguments).await;
            assert_eq!(cache(&second)["state"], "hit", "{tool}");
            assert_eq!(second["structuredContent"], first["structuredContent"], "{tool}");
            assert_eq!(stage.api.requests().await, requests, "{tool}");
        }
    }
}

#[tokio::test]
async fn each_class_is_kept_for_its_own_time() {
    let shown = command().args(["config", "show"]).output().await.stdout;
    let shown = String::from_utf8(shown).unwrap();
    let lifetime = |variable: &str| {
        let line = shown.lines().find(|line| line.starts_with(variable)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(lifetime("INTERNAL_CACHE_METRICS"), "1m");
    assert_eq!(lifetime("INTERNAL_CACHE_RECORDS"), "5m");
    assert_eq!(lifetime("INTERNAL_CACHE_PROFILES"), "15m");

    let classes = ["INTERNAL_CACHE_RECORDS", "INTERNAL_CACHE_PROFILES", "INTERNAL_CACHE_METRICS"];
    for (short, class) in classes.into_iter().enumerate() {
        let stage = Stage::with(Kind::Recorded, &[(class, "1ms")]).await;
        for (number, (tool, arguments)) in calls().into_iter().enumerate() {
            stage.answer(tool, arguments.clone()).await;
            grow_old().await;
            let again = stage.call(tool, arguments).await;
            let expected = if number == short { "miss" } else { "hit" };
            assert_eq!(cache(&again)["state"], expected, "{class} {tool}");
        }
    }
}

#[tokio::test]
async fn a_thousand_who_ask_at_once_cause_one_request() {
    let room = ["MCP_MAX_CONCURRENCY", "MCP_MAX_CONCURRENCY_PER_CLIENT", "MCP_QUEUE"];
    for ((tool, arguments), kind) in calls().into_iter().zip(KINDS.into_iter().cycle()) {
        let stage = Stage::with(kind, &room.map(|name| (name, "1000"))).await;
        stage.api.slow_down(Duration::from_millis(500)).await;
        let ask = || stage.answer(tool, arguments.clone());
        let answers = join_all((0..1_000).map(|_| ask())).await;
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{tool}");
        assert_eq!(stage.api.requests().await, 1, "{kind:?} {tool}");
    }
}

#[tokio::test]
async fn the_last_answer_stands_in_for_an_api_that_fails_and_is_marked() {
    for kind in KINDS {
        let stage = Stage::with(kind, &SHORT).await;
        for (tool, arguments) in calls() {
            stage.api.recover().await;
            let mut expected = stage.answer(tool, arguments.clone()).await;
            grow_old().await;
            stage.api.answer_with(status(500)).await;
            let result = stage.call(tool, arguments).await;
            expected["stale"] = true.into();
            assert_eq!(result["structuredContent"], expected, "{tool}");
            assert_eq!(cache(&result)["state"], "stale", "{tool}");
            assert!(cache(&result)["age_ms"].as_u64().unwrap() >= 5, "{tool}");
        }
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    for kind in KINDS {
        let stage = Stage::with(kind, &SHORT).await;
        for (tool, arguments) in calls() {
            let before = stage.api.requests().await;
            let first = stage.answer(tool, arguments.clone()).await;
            grow_old().await;
            assert_eq!(stage.answer(tool, arguments).await, first, "{tool}");
            assert_eq!(stage.api.requests().await - before, 2, "{tool}");
        }
        if let crate::upstream::Api::Real(api) = &stage.api {
            assert_eq!(api.revalidated(), 3);
        }
    }
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        for (tool, arguments) in calls() {
            stage.api.answer_with(status(404)).await;
            assert_eq!(stage.error(tool, arguments.clone()).await["code"], "not_found", "{tool}");
            stage.api.recover().await;
            stage.answer(tool, arguments).await;
        }
    }
}

#[tokio::test]
async fn a_client_on_stdio_gets_the_same() {
    let server = command().http().await;
    let client = mcp_testkit::HttpClient::new(server.url());
    let mut stdio = command().stdio();
    for (tool, arguments) in [
        ("list_collections", json!({})),
        ("query_data", json!({ "collection": "products" })),
        ("get_user_profile", json!({ "userId": "u-1" })),
        ("get_metrics", json!({ "metricType": "performance", "timeRange": "7d" })),
    ] {
        let http = client.call_tool(tool, arguments.clone()).await;
        let answer: Value = stdio.call_tool(tool, arguments).await;
        assert_eq!(answer["result"]["structuredContent"], http.result()["structuredContent"]);
    }
    assert!(stdio.close().await.success());
}
