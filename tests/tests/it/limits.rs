//! How often, how many at once, how much: what is over is refused in the contract's words.

use std::io::Write;
use std::time::{Duration, Instant};

use mcp_testkit::ServerCommand;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::{command, failure, http};

fn configured(text: &str) -> (NamedTempFile, ServerCommand) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let command = command().env("MCP_CONFIG", file.path());
    (file, command)
}

#[tokio::test]
async fn a_page_over_its_budget_loses_whole_items_and_says_where_to_go_on() {
    let (_process, client) = http(&command()).await;
    let reply = client.call_tool("count_items", json!({ "items": 5_000, "bytes": 50 })).await;
    let page = &reply.result()["structuredContent"];
    let items = page["items"].as_array().unwrap();
    assert!((10..5_000).contains(&items.len()), "{}", items.len());
    assert!(items.iter().all(|item| item.as_str().unwrap().len() == 50));
    assert_eq!(page["truncated"], true);
    assert_eq!(page["next_cursor"], format!("after-{}", items.len()));
    let text = reply.result()["content"][1]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *page, "both forms say the same");

    let whole = client.call_tool("count_items", json!({ "items": 3 })).await;
    assert_eq!(whole.result()["structuredContent"]["truncated"], false);
}

#[tokio::test]
async fn a_single_item_or_answer_over_the_budget_is_never_sent() {
    let (_process, client) = http(&command()).await;
    let reply = client.call_tool("count_items", json!({ "items": 1, "bytes": 5_000_000 })).await;
    assert!(reply.body.len() < 20_000, "{}", reply.body.len());
    let huge = client.call_tool("answer_hugely", json!({})).await;
    assert!(huge.body.len() < 20_000, "{}", huge.body.len());
}

#[tokio::test]
async fn a_full_queue_sheds_within_a_second() {
    let command = command().env("MCP_MAX_CONCURRENCY", "1").env("MCP_QUEUE", "1");
    let (process, client) = http(&command.env("MCP_MAX_CONCURRENCY_PER_CLIENT", "8")).await;
    let call = |label: &str| {
        let client = client.clone();
        let arguments = json!({ "label": label });
        tokio::spawn(async move { client.call_tool("hold_on", arguments).await })
    };
    let running = call("running");
    process.wait_for_log("hold started").await;
    let started = Instant::now();
    let shed = futures::future::join_all(["one", "two", "three", "four"].map(call)).await;
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
    for reply in shed {
        let reply = reply.unwrap();
        let error = &reply.result()["structuredContent"]["error"];
        assert_eq!((&error["code"], &error["retryable"]), (&json!("overloaded"), &json!(true)));
        assert!(error["retry_after_ms"].as_u64().unwrap() > 0, "{error}");
    }
    running.abort();
}

#[tokio::test]
async fn a_client_beyond_its_quota_is_refused_with_headers() {
    let (_process, client) = http(&command().env("MCP_RATE_LIMIT", "3/1h")).await;
    for left in [2, 1, 0] {
        let reply = client.list_tools().await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.header("ratelimit-policy"), "\"default\";q=3;w=3600");
        let told = reply.header("ratelimit");
        assert!(told.starts_with(&format!("\"default\";r={left}")), "{told}");
    }
    let reply = client.list_tools().await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.json()["error"], "rate_limit_exceeded");
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert_eq!(reply.json()["retry_after"], wait);
    assert!((1..=3_600).contains(&wait), "{wait}");
    assert!(reply.header("ratelimit").contains("r=0"), "{}", reply.header("ratelimit"));
}

#[tokio::test]
async fn every_algorithm_counts_to_its_limit() {
    for algorithm in ["gcra", "fixed", "sliding", "token-bucket", "leaky"] {
        let command = command().env("MCP_RATE_LIMIT_ALGORITHM", algorithm);
        let (_process, client) = http(&command.env("MCP_RATE_LIMIT_READ", "4/1h")).await;
        let mut codes = Vec::new();
        for _ in 0..6 {
            let reply = client.call_tool("count_items", json!({ "items": 1 })).await;
            codes.push(failure(reply.result()).to_owned());
        }
        assert_eq!(codes, ["", "", "", "", "rate_limited", "rate_limited"], "{algorithm}");
    }
}

#[tokio::test]
async fn a_class_of_tools_beyond_its_quota_is_a_tool_result() {
    let (_process, client) = http(&command().env("MCP_RATE_LIMIT_WRITE", "1/1h")).await;
    assert_eq!(failure(client.call_tool("write_nothing", json!({})).await.result()), "");
    let reply = client.call_tool("write_nothing", json!({})).await;
    assert_eq!(reply.status, StatusCode::OK);
    let error = &reply.result()["structuredContent"]["error"];
    assert_eq!(error["code"], "rate_limited");
    assert!(error["retry_after_ms"].as_u64().unwrap() > 1_000, "{error}");
    let read = client.call_tool("count_items", json!({ "items": 1 })).await;
    assert_eq!(failure(read.result()), "", "reads have a quota of their own");
}

#[tokio::test]
async fn a_deployment_tightens_one_tool_and_never_loosens_it() {
    let (_file, command) = configured(
        "[tools.count_items]\nrate_limit = \"2/1h\"\noutput_budget = 100\n\
         [tools.hold_on]\ndeadline = \"200ms\"\n[tools.repeat_text]\ndeadline = \"1h\"\noutput_budget = 9000000\n",
    );
    let (_process, client) = http(&command).await;
    let reply = client.call_tool("count_items", json!({ "items": 100, "bytes": 20 })).await;
    let items = reply.result()["structuredContent"]["items"].as_array().unwrap().len();
    assert!((1..100).contains(&items), "{items}");
    client.call_tool("count_items", json!({ "items": 1 })).await;
    let reply = client.call_tool("count_items", json!({ "items": 1 })).await;
    assert_eq!(failure(reply.result()), "rate_limited");
    let reply = client.call_tool("hold_on", json!({ "label": "x" })).await;
    assert_eq!(failure(reply.result()), "timeout");

    let listed = client.list_tools().await;
    let tools = listed.result()["tools"].as_array().unwrap();
    let described = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        tool["description"].as_str().unwrap().to_owned()
    };
    assert!(described("hold_on").contains("within 0.2 s"), "{}", described("hold_on"));
    let unloosened = described("repeat_text");
    assert!(unloosened.contains("within 5 s; at most 1000 tokens"), "{unloosened}");
}

#[tokio::test]
async fn one_tools_places_are_its_own() {
    let (_file, command) = configured("[tools.hold_on]\nmax_concurrency = 1\n");
    let (process, client) = http(&command.env("MCP_QUEUE", "0")).await;
    let held =
        client.request("tools/call", json!({ "name": "hold_on", "arguments": { "label": "x" } }));
    let held = tokio::spawn(held.send());
    process.wait_for_log("hold started").await;
    let reply = client.call_tool("hold_on", json!({ "label": "y" })).await;
    assert_eq!(failure(reply.result()), "overloaded");
    let reply = client.call_tool("count_items", json!({ "items": 1 })).await;
    assert_eq!(failure(reply.result()), "", "others run");
    held.abort();
}

#[tokio::test]
async fn only_the_listed_tools_are_offered() {
    let (_process, client) = http(&command().env("MCP_TOOLS", "count_items, repeat_text")).await;
    let listed = client.list_tools().await;
    let tools = listed.result()["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["count_items", "repeat_text"]);
    let reply = client.call_tool("panic_now", json!({})).await;
    assert_eq!(reply.json()["error"]["code"], -32602);
    let reference = client.read_resource("docs://api-reference").await;
    let reference = reference.result()["contents"][0]["text"].as_str().unwrap();
    assert!(!reference.contains("panic_now") && reference.contains("count_items"));
}
