//! What the server offers and answers, as it was reviewed.

use mcp_testkit::{HttpClient, surface::lists_are_complete};
use serde_json::{Value, json};

use crate::{
    stage::{Stage, command},
    upstream::{KINDS, status},
};

pub(crate) fn check(name: &str, value: &Value) {
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

#[tokio::test]
async fn the_surface() {
    let server = command().http().await;
    let client = HttpClient::new(server.url());
    check("tools", &client.list_tools().await.result()["tools"]);
    let list = async |method: &str| client.request(method, json!({})).send().await.result().clone();
    check("resources", &list("resources/list").await["resources"]);
    check("prompts", &list("prompts/list").await["prompts"]);
    let page = client.read_resource("docs://api-reference").await;
    let page = page.result()["contents"][0]["text"].as_str().unwrap().to_owned();
    assert!(page.contains("query_data") && page.contains("get_metrics"), "{page}");
}

#[tokio::test]
async fn results_of_the_internal_api() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        for (name, tool, arguments) in [
            (
                "query_data",
                "query_data",
                json!({ "collection": "projects", "filters": { "limit": 2 } }),
            ),
            (
                "query_data_filtered",
                "query_data",
                json!({ "collection": "projects", "filters": { "field": "department", "value": "Finance" } }),
            ),
            ("get_user_profile", "get_user_profile", json!({ "userId": "u-7" })),
            ("get_metrics", "get_metrics", json!({ "metricType": "usage" })),
            (
                "get_metrics_without_summary",
                "get_metrics",
                json!({ "metricType": "performance", "timeRange": "1h" }),
            ),
            ("list_collections", "list_collections", json!({})),
            ("describe_collection", "describe_collection", json!({ "collection": "users" })),
        ] {
            // The same before recorded and real answers.
            check(name, &settled(stage.call(tool, arguments).await));
        }
    }
}

#[tokio::test]
async fn results_of_the_sample() {
    let server = command().http().await;
    let client = HttpClient::new(server.url());
    for (name, tool, arguments) in [
        (
            "sample_query_data",
            "query_data",
            json!({ "collection": "orders", "filters": { "limit": 2 } }),
        ),
        ("sample_get_user_profile", "get_user_profile", json!({ "userId": "u-1" })),
        ("sample_get_metrics", "get_metrics", json!({ "metricType": "usage", "timeRange": "1h" })),
        ("sample_list_collections", "list_collections", json!({})),
        ("sample_describe_collection", "describe_collection", json!({ "collection": "products" })),
    ] {
        check(name, &settled(client.call_tool(tool, arguments).await.result().clone()));
    }
}

#[tokio::test]
async fn failures_as_they_are_told() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        let failure = async |name: &str, tool: &str, arguments: Value| {
            let mut error = stage.error(tool, arguments).await;
            error["request_id"] = "[id]".into();
            check(name, &error);
        };
        let salary = json!({ "field": "salary", "value": 1 });
        let salary = json!({ "collection": "users", "filters": salary });
        failure("error_forbidden_filter", "query_data", salary).await;
        failure("error_unknown_collection", "query_data", json!({ "collection": "secrets" })).await;
        let half = json!({ "collection": "users", "filters": { "field": "name" } });
        failure("error_invalid_input", "query_data", half).await;
        failure("error_not_found", "get_user_profile", json!({ "userId": "u-0" })).await;
        stage.api.answer_with(status(500)).await;
        failure("error_upstream", "get_metrics", json!({ "metricType": "usage" })).await;
    }
}

#[tokio::test]
async fn whatever_is_listed_is_titled_pictured_signed_and_in_one_order() {
    lists_are_complete(&command()).await;
}
