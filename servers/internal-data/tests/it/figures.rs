//! What operators see of the internal API: figures, and a span for each request that tells no address.

use mcp_testkit::{HttpClient, internal_api::Canned};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    stage::Stage,
    upstream::{KINDS, status},
};

async fn metrics(stage: &Stage) -> String {
    let page = HttpClient::new(stage.server.url().replace("/mcp", "/metrics"));
    page.message(&Value::Null).method(Method::GET).send().await.body
}

/// The value of a series, however its labels are ordered.
fn value(page: &str, name: &str, labels: &[&str]) -> Option<String> {
    let is_it =
        |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
    Some(page.lines().find(is_it)?.rsplit(' ').next()?.to_owned())
}

#[tokio::test]
async fn requests_repetitions_and_the_breaker_are_counted() {
    const REQUESTS: &str = "http_client_request_duration_seconds_count";
    const API: &str = r#"upstream="api""#;
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        let page = metrics(&stage).await;
        assert_eq!(value(&page, "mcp_server_upstream_retries_total", &[API]).as_deref(), Some("0"));
        stage.answer("get_metrics", json!({ "metricType": "usage" })).await;
        stage.api.answer_with(status(500)).await;
        for number in 0..10 {
            stage.error("get_user_profile", json!({ "userId": format!("u-{number}") })).await;
        }
        // Left alone: nothing is sent, so nothing is counted.
        stage.error("get_user_profile", json!({ "userId": "u-11" })).await;
        let page = metrics(&stage).await;
        let answered = value(&page, REQUESTS, &[API, r#"error_type="""#]);
        let failed = value(&page, REQUESTS, &[API, r#"error_type="upstream_error""#]);
        assert_eq!((answered.as_deref(), failed.as_deref()), (Some("1"), Some("30")), "{page}");
        let retries = value(&page, "mcp_server_upstream_retries_total", &[API]);
        assert_eq!(retries.as_deref(), Some("20"));
        let breaker = value(&page, "mcp_server_upstream_breaker_state", &[API]);
        assert_eq!(breaker.as_deref(), Some("2"));
        assert!(!page.contains("127.0.0.1"), "{page}");
    }
}

#[tokio::test]
async fn each_request_has_a_span_with_its_status_and_without_its_address() {
    for kind in KINDS {
        let variables = [("RUST_LOG", "info,mcp_limits=debug"), ("MCP_LOG_FORMAT", "json")];
        let stage = Stage::with(kind, &variables).await;
        let filters = json!({ "field": "name", "value": "hunter2" });
        stage.answer("query_data", json!({ "collection": "projects", "filters": filters })).await;
        stage.api.answer_with(Canned { headers: Vec::new(), ..status(503) }).await;
        stage.error("get_user_profile", json!({ "userId": "hunter2" })).await;
        let log = stage.log();
        assert!(!log.contains("hunter2") && !log.contains("/api/v1"), "{log}");
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let asked = lines.filter(|line| line["status"].is_u64() && line["attempt"].is_u64());
        let told: Vec<_> = asked
            .map(|line| {
                assert_eq!(line["upstream"], "the internal API", "{line}");
                assert!(line["request_id"].is_string(), "{line}");
                (line["attempt"].as_u64().unwrap(), line["status"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(told, [(1, 200), (1, 503), (2, 503), (3, 503)], "{log}");
    }
}
