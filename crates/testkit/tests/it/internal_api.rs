//! The internal API: what it answers is what was recorded, and it takes keys, time and faults as it is told.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mcp_testkit::http::Reply;
use mcp_testkit::internal_api::Canned;
use mcp_testkit::{HttpClient, InternalApi, golden};
use reqwest::{Method, StatusCode};
use serde_json::Value;

async fn get(api: &InternalApi, path: &str, headers: &[(&str, &str)]) -> Reply {
    let client = HttpClient::new(format!("{}/api/v1/{path}", api.url()));
    let request = client.message(&Value::Null).method(Method::GET).body("");
    headers.iter().fold(request, |it, (name, value)| it.header(name, value)).send().await
}

#[tokio::test]
async fn the_recorded_shapes_are_what_it_answers() {
    let api = InternalApi::start().await;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/internal-data");
    for (name, path) in [
        ("users", "users?limit=25"),
        ("projects", "projects"),
        ("metrics_usage_24h", "metrics/usage?range=24h"),
        ("metrics_performance_1h", "metrics/performance?range=1h"),
    ] {
        let document: Value = serde_json::from_str(&get(&api, path, &[]).await.body).unwrap();
        golden::assert_matches(folder.join(format!("{name}.json")), &format!("{document:#}\n"));
    }
}

#[tokio::test]
async fn keys_rotate_and_what_has_not_changed_is_not_sent_again() {
    let api = InternalApi::start().await;
    api.accept_keys(&["old", "new"]);
    for key in ["old", "new"] {
        let answer = get(&api, "users/u-1", &[("x-api-key", key)]).await;
        assert_eq!(answer.status, StatusCode::OK);
        let tag = answer.header("etag");
        let headers = [("x-api-key", key), ("if-none-match", tag)];
        let again = get(&api, "users/u-1", &headers).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
    assert_eq!(api.revalidated(), 2);
    api.accept_keys(&["new"]);
    assert_eq!(get(&api, "users", &[("x-api-key", "old")]).await.status, 401);
    assert_eq!(get(&api, "users", &[]).await.status, 401);
}

#[tokio::test]
async fn it_is_slow_and_fails_on_demand() {
    let api = InternalApi::start().await;
    api.slow_down(Duration::from_millis(200));
    let begun = Instant::now();
    assert_eq!(get(&api, "users/u-0", &[]).await.status, 404);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let headers = vec![("retry-after", "7".to_owned())];
    api.answer_with(Some(Canned { status: 429, headers, body: Vec::new() }));
    assert_eq!(get(&api, "users", &[]).await.header("retry-after"), "7");
    api.answer_with(None);
    assert_eq!(get(&api, "projects?offset=24", &[]).await.status, 200);
    assert_eq!(
        api.requests(),
        ["/api/v1/users/u-0", "/api/v1/users", "/api/v1/projects?offset=24"]
    );
}
