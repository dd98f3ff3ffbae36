//! Statements that take long, as tasks of clients that know tasks: they outlive their request, and are their owner's alone.

use std::time::{Duration, Instant};

use mcp_testkit::HttpClient;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::life::{ENDLESS, is_gone, is_started};
use crate::stage::Stage;

const ALICE: &str = "alice-may-read-0123456789";
const MALLORY: &str = "mallory-may-read-too-0123456789";

/// A request of a client that knows tasks.
async fn ask(client: &HttpClient, method: &str, params: Value) -> Value {
    let extensions = json!({ "io.modelcontextprotocol/tasks": {} });
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/clientCapabilities": { "extensions": extensions },
    });
    let request = client.request(method, params.clone());
    let request = match params["taskId"].as_str() {
        Some(id) => request.header("mcp-name", id),
        None => request,
    };
    request.send().await.json().clone()
}

/// Runs a statement; the id of its task, where it became one.
async fn run(client: &HttpClient, sql: &str) -> (Value, String) {
    let params = json!({ "name": "query_database", "arguments": { "sql": sql } });
    let result = ask(client, "tools/call", params).await["result"].clone();
    let id = result["taskId"].as_str().unwrap_or_default().to_owned();
    (result, id)
}

async fn status(client: &HttpClient, id: &str) -> Value {
    ask(client, "tasks/get", json!({ "taskId": id })).await["result"].clone()
}

async fn until_ended(client: &HttpClient, id: &str) -> Value {
    let started = Instant::now();
    loop {
        let task = status(client, id).await;
        if task["status"] != "working" {
            return task;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{task}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_long_statement_becomes_a_task_that_survives_its_client_and_is_its_owners_alone() {
    let stage = Stage::new();
    let keys = format!("{ALICE},{MALLORY}");
    let command = stage.command().env("MCP_AUTH", "api-key").env("MCP_API_KEYS", keys);
    let server = command.http().await;
    let alice = HttpClient::new(server.url()).bearer(ALICE);
    let (quick, no_task) = run(&alice, "SELECT 1").await;
    assert_eq!((&quick["structuredContent"]["rows"], no_task.as_str()), (&json!([[1]]), ""));

    let (created, id) = run(&alice, ENDLESS).await;
    assert_eq!((&created["resultType"], &created["status"]), (&json!("task"), &json!("working")));
    // The request has its answer and the client is gone; the statement goes on, as PostgreSQL says itself.
    drop(alice);
    is_started(&stage).await;
    let alice = HttpClient::new(server.url()).bearer(ALICE);
    let found = status(&alice, &id).await;
    assert_eq!(found["status"], "working");
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcp-postgres");

    let mallory = HttpClient::new(server.url()).bearer(MALLORY);
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let refused = ask(&mallory, method, json!({ "taskId": id, "inputResponses": {} })).await;
        let error = &refused["error"];
        assert_eq!(
            (&error["code"], &error["data"]["error"]["code"]),
            (&json!(-32602), &json!("not_found")),
            "{method}: {refused}"
        );
    }
    assert_eq!(status(&alice, &id).await["status"], "working");

    ask(&alice, "tasks/cancel", json!({ "taskId": id })).await;
    is_gone(&stage).await;
    assert_eq!(until_ended(&alice, &id).await["status"], "cancelled");
}

#[tokio::test]
async fn a_task_ends_with_its_answer_after_more_time_than_a_request_has() {
    let stage = Stage::new();
    let command = stage.command().env("PG_STATEMENT_TIMEOUT", "1s").env("PG_TASK_TIMEOUT", "3s");
    let server = command.http().await;
    let client = HttpClient::new(server.url());
    let (_, id) = run(&client, ENDLESS).await;
    let ended = until_ended(&client, &id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    // PostgreSQL gave it up, after the time of a task.
    let failure = &ended["result"]["structuredContent"]["error"];
    assert_eq!((&ended["result"]["isError"], &failure["code"]), (&json!(true), &json!("timeout")));

    let plain = client.call_tool("query_database", json!({ "sql": ENDLESS })).await;
    assert_eq!(plain.result()["structuredContent"]["error"]["code"], "timeout", "{}", plain.body);
}

#[tokio::test]
async fn a_statement_that_takes_long_says_every_second_that_it_goes_on_in_both_eras() {
    let stage = Stage::new();
    let server = stage.command().env("PG_STATEMENT_TIMEOUT", "2500ms").http().await;
    for client in [HttpClient::new(server.url()), HttpClient::legacy(server.url())] {
        let params = json!({
            "name": "query_database",
            "arguments": { "sql": ENDLESS },
            "_meta": { "progressToken": 7 },
        });
        let reply = client.request("tools/call", params).send().await;
        let [notices @ .., answer] = reply.messages.as_slice() else { panic!("{reply:?}") };
        assert!(notices.len() >= 2, "{}", reply.body);
        let mut last = 0.0;
        for notice in notices {
            assert_eq!(notice["method"], "notifications/progress", "{notice}");
            assert_eq!(notice["params"]["progressToken"], 7, "{notice}");
            let progress = notice["params"]["progress"].as_f64().unwrap();
            assert!(progress > last, "{progress} after {last}");
            last = progress;
        }
        let error = &answer["result"]["structuredContent"]["error"];
        assert_eq!(error["code"], "timeout", "{answer}");
    }
}

#[tokio::test]
async fn a_principal_has_so_many_tasks_and_waits_for_the_answer_of_one_more() {
    let stage = Stage::new();
    let server = stage.command().env("PG_TASK_TIMEOUT", "6s").http().await;
    let client = HttpClient::new(server.url());
    let mut runs = JoinSet::new();
    for _ in 0..5 {
        let client = client.clone();
        runs.spawn(async move { run(&client, ENDLESS).await });
    }
    let ended = runs.join_all().await;
    let tasks = ended.iter().filter(|(_, id)| !id.is_empty()).count();
    assert_eq!(tasks, 4, "{ended:?}");
    let (waited, _) = ended.iter().find(|(_, id)| id.is_empty()).unwrap();
    assert_eq!(waited["structuredContent"]["error"]["code"], "timeout", "{waited}");
}
