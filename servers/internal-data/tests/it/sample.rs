//! The embedded sample: what a server without an API answers, and how it says so.

use std::collections::BTreeSet;

use mcp_testkit::HttpClient;
use serde_json::{Value, json};

use crate::stage::command;

async fn all_records(client: &HttpClient, collection: &str) -> Vec<Value> {
    let mut records = Vec::new();
    let mut cursor = None;
    loop {
        let mut arguments = json!({ "collection": collection, "filters": { "limit": 20 } });
        arguments["cursor"] = cursor.clone().map_or(Value::Null, Value::String);
        let reply = client.call_tool("query_data", arguments).await;
        let page = &reply.result()["structuredContent"];
        assert_eq!(page["sample"], true, "{page}");
        records.extend(page["records"].as_array().unwrap().iter().cloned());
        assert_eq!(page["truncated"].as_bool().unwrap(), page["next_cursor"].is_string());
        match &page["next_cursor"] {
            Value::String(next) => cursor = Some(next.clone()),
            _ => return records,
        }
    }
}

#[tokio::test]
async fn every_answer_and_the_log_say_that_it_is_a_sample() {
    let server = command().http().await;
    let client = HttpClient::new(server.url());
    for (tool, arguments) in [
        ("list_collections", json!({})),
        ("describe_collection", json!({ "collection": "users" })),
        ("query_data", json!({ "collection": "orders" })),
        ("get_user_profile", json!({ "userId": "u-1" })),
        ("get_metrics", json!({ "metricType": "health", "timeRange": "1h" })),
    ] {
        let reply = client.call_tool(tool, arguments).await;
        let result = reply.result();
        assert_eq!(result["structuredContent"]["sample"], true, "{result}");
        assert!(result["content"].to_string().contains("nothing here is real"), "{result}");
    }
    server.wait_for_log("every answer is embedded sample data").await;
}

#[tokio::test]
async fn the_sample_is_walked_to_its_end_without_a_repetition() {
    let server = command().http().await;
    let client = HttpClient::new(server.url());
    let mut found = 0;
    for collection in ["users", "orders", "products", "projects"] {
        let records = all_records(&client, collection).await;
        let ids: BTreeSet<_> =
            records.iter().map(|record| record["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), records.len(), "{collection}");
        found += ids.len();
    }
    assert_eq!(found, 200);
}

#[tokio::test]
async fn the_sample_is_filtered_and_redacted_like_data() {
    let server = command().http().await;
    let client = HttpClient::new(server.url());
    let sales =
        json!({ "collection": "users", "filters": { "field": "department", "value": "Sales" } });
    let reply = client.call_tool("query_data", sales).await;
    let page = &reply.result()["structuredContent"];
    let records = page["records"].as_array().unwrap();
    assert!(!records.is_empty() && records.iter().all(|it| it["department"] == "Sales"), "{page}");
    assert!(records.iter().all(|it| it["salary"] == "[redacted]"), "{page}");
    assert_eq!(page["redacted"], json!([{ "field": "salary", "scope": "hr:read" }]));
    for (id, code) in [("u-1", Value::Null), ("u-81", json!("not_found"))] {
        let reply = client.call_tool("get_user_profile", json!({ "userId": id })).await;
        assert_eq!(reply.result()["structuredContent"]["error"]["code"], code);
    }
}
