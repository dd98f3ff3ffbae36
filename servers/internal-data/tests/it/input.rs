//! Bad input, tool by tool: refused with the argument named, its value not repeated, and nobody asked.

use mcp_testkit::surface::is_repeated_in_a_header;
use serde_json::{Value, json};

use crate::{stage::Stage, upstream::KINDS};

/// Each call is refused for `field`, and the API hears nothing of it.
async fn refused(tool: &str, cases: &[(&str, Value)]) {
    assert!(cases.len() >= 8);
    for kind in KINDS {
        // No header has room for the longest of them.
        let stage = Stage::new(kind).await.legacy();
        for (field, arguments) in cases {
            let error = stage.error(tool, arguments.clone()).await;
            let told: String = error.to_string().chars().take(400).collect();
            assert_eq!(error["code"], "invalid_input", "{told}");
            assert_eq!(error["details"]["fields"][0]["field"], *field, "{told}");
            assert!(error.to_string().len() < 1_000, "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        assert_eq!(stage.api.requests().await, 0);
    }
}

/// What is no name, whatever the tool. A body may be a mebibyte at most, and so a text a little less.
fn no_names() -> Vec<Value> {
    let long = "a".repeat(1_000_000);
    let texts = [
        "",
        " ",
        "../hunter2",
        "users/hunter2",
        "users%2f..%2fhunter2",
        "users?hunter2=1",
        "users#hunter2",
        "a..b",
        "..",
        ".",
        "a\\b",
        "a\u{0}b",
        "a\nb",
        "a\u{1b}[0m",
        "a\u{202e}b",
        "a\u{200b}b",
        "<script>",
        &long,
    ];
    texts.iter().map(|text| json!(text)).chain([json!(7), json!(null), json!(["users"])]).collect()
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

#[tokio::test]
async fn query_data_refuses() {
    let mut cases = each("collection", no_names(), &json!({}));
    cases.push(("collection", json!({})));
    let limits = [json!(0), json!(101), json!(-1), json!(1.5), json!("7"), json!(1_u64 << 40)];
    let filters = |filters: Value| json!({ "collection": "users", "filters": filters });
    cases.extend(limits.map(|limit| ("filters.limit", filters(json!({ "limit": limit })))));
    let fields = no_names().into_iter().filter(|name| !name.is_null());
    let field = |field: Value| ("filters.field", filters(json!({ "field": field, "value": "x" })));
    cases.extend(fields.map(field));
    let values =
        [json!(["a"]), json!({}), json!("a\u{0}"), json!("a\nb"), json!("a".repeat(1_000_000))];
    let value = |value| ("filters.value", filters(json!({ "field": "name", "value": value })));
    cases.extend(values.map(value));
    cases.push(("filters.value", filters(json!({ "field": "name" }))));
    cases.push(("filters.field", filters(json!({ "value": "hunter2" }))));
    cases.push(("filters.sort", filters(json!({ "sort": "hunter2" }))));
    cases.push(("filters.field", filters(json!({ "field": "hunter2", "value": 1 }))));
    for cursor in ["", "hunter2", "AAAA", "../x", &"A".repeat(100_000)] {
        cases.push(("cursor", json!({ "collection": "users", "cursor": cursor })));
    }
    cases.push(("limit", json!({ "collection": "users", "limit": 5 })));
    refused("query_data", &cases).await;
}

#[tokio::test]
async fn get_user_profile_refuses() {
    let mut cases = each("userId", no_names(), &json!({}));
    cases.push(("userId", json!({})));
    cases.push(("user_id", json!({ "userId": "u-1", "user_id": "hunter2" })));
    refused("get_user_profile", &cases).await;
}

#[tokio::test]
async fn get_metrics_refuses() {
    let mut cases = each("metricType", no_names(), &json!({}));
    cases.extend(each("metricType", vec![json!("Usage"), json!("cpu")], &json!({})));
    let ranges = ["", "2h", "1H", "24", "../1h", "365d"].map(Value::from).to_vec();
    cases.extend(each("timeRange", ranges, &json!({ "metricType": "usage" })));
    cases.push(("metricType", json!({})));
    cases.push(("range", json!({ "metricType": "usage", "range": "hunter2" })));
    refused("get_metrics", &cases).await;
}

#[tokio::test]
async fn describe_collection_refuses() {
    let mut cases = each("collection", no_names(), &json!({}));
    cases.push(("collection", json!({})));
    cases.push(("fields", json!({ "collection": "users", "fields": "hunter2" })));
    refused("describe_collection", &cases).await;
}

#[tokio::test]
async fn list_collections_refuses() {
    let names = ["a", "collection", "filter", "limit", "cursor", "name", "../x", "q", "hunter"];
    let cases = names.map(|name| (name, json!({ name: "hunter2" })));
    refused("list_collections", &cases).await;
}

#[tokio::test]
async fn a_collection_that_there_is_not_is_not_asked_for() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        for tool in ["query_data", "describe_collection"] {
            for name in ["secrets", "metrics", "Users", "users_old"] {
                let error = stage.error(tool, json!({ "collection": name })).await;
                assert_eq!(error["code"], "not_found", "{tool} {name}");
            }
        }
        assert_eq!(stage.api.requests().await, 0);
    }
}

#[tokio::test]
async fn a_header_that_says_another_collection_than_the_body_is_refused() {
    let stage = Stage::new(KINDS[0]).await;
    let arguments = json!({ "collection": "users" });
    for tool in ["query_data", "describe_collection"] {
        let call = (tool, &arguments);
        is_repeated_in_a_header(&stage.server.url(), call, ("collection", "Collection")).await;
    }
}
