//! Writes that race, repeat and survive a crash.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use mcp_testkit::process::PATIENCE;
use mcp_testkit::{HttpClient, Postgres, ServerCommand};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::support::{Client, Keys, MODERN, Transport, command, failure};

const DEDUPLICATED: &str = "io.github.mcp-chassis/deduplicated";

pub(crate) fn ticket(title: &str, key: &str) -> Value {
    json!({ "title": title, "body": "written once", "idempotency_key": key })
}

/// Both stores; the database lives as long as its guard.
async fn for_both_stores<F: Future>(test: impl Fn(ServerCommand) -> F) {
    let directory = tempfile::TempDir::new().unwrap();
    let file = format!("sqlite:{}", directory.path().join("tickets.db").display());
    test(command().env("DATABASE_URL", file)).await;
    let database = Postgres::shared().database();
    test(command().env("DATABASE_URL", database.url())).await;
}

#[tokio::test]
async fn concurrent_duplicates_of_one_write_make_one_ticket() {
    for_both_stores(|command| async move {
        let process = command.http().await;
        let client = HttpClient::new(process.url());
        let calls = (0..24).map(|_| client.call_tool("create_ticket", ticket("once", "k")));
        let replies = join_all(calls).await;
        let results: Vec<_> = replies.iter().map(mcp_testkit::http::Reply::result).collect();
        for result in &results {
            assert_eq!(result["structuredContent"], results[0]["structuredContent"]);
        }
        let replayed = results.iter().filter(|it| it["_meta"][DEDUPLICATED] == true).count();
        assert_eq!(replayed, 23);
        assert_eq!(titles(&client).await, BTreeMap::from([("once".to_owned(), 1)]));
    })
    .await;
}

#[tokio::test]
async fn a_key_belongs_to_its_arguments_its_tool_and_its_caller() {
    for_both_stores(|command| async move {
        let keys = Keys::new();
        let process = keys.command(&command).http().await;
        let of = |key| HttpClient::new(process.url()).bearer(key);
        let (both, writer) = (of(Keys::BOTH), of(Keys::WRITE));
        let first = both.call_tool("create_ticket", ticket("first", "k")).await;
        let other = both.call_tool("create_ticket", ticket("other", "k")).await;
        assert_eq!(failure(other.result()), "conflict");

        let comment = json!({ "id": "T-1", "body": "b", "idempotency_key": "k" });
        let reply = both.call_tool("add_comment", comment).await;
        assert_eq!(reply.result()["isError"], false, "another tool: {}", reply.body);
        let reply = writer.call_tool("create_ticket", ticket("first", "k")).await;
        let own = &reply.result()["structuredContent"]["id"];
        assert_ne!(*own, first.result()["structuredContent"]["id"], "another caller");

        // A refused write leaves its key free.
        let wrong = json!({ "title": "", "body": "b", "idempotency_key": "free" });
        let reply = both.call_tool("create_ticket", wrong).await;
        assert_eq!(failure(reply.result()), "invalid_input");
        let reply = both.call_tool("create_ticket", ticket("right", "free")).await;
        assert_eq!(reply.result()["isError"], false, "{}", reply.body);
    })
    .await;
}

#[tokio::test]
async fn of_two_updates_of_one_version_one_wins() {
    for_both_stores(|command| async move {
        let process = command.http().await;
        let client = HttpClient::new(process.url());
        client.call_tool("create_ticket", ticket("t", "k")).await;
        for version in 1..=10 {
            let update = |title: String| {
                let arguments = json!({ "id": "T-1", "expected_version": version, "title": title });
                client.call_tool("update_ticket", arguments)
            };
            let titles = ["one", "other"].map(|title| format!("{title} {version}"));
            let replies = join_all(titles.map(update)).await;
            let mut codes: Vec<_> = replies.iter().map(|it| failure(it.result())).collect();
            codes.sort_unstable();
            assert_eq!(codes, ["", "conflict"], "version {version}");
            let lost = replies.iter().find(|it| failure(it.result()) == "conflict").unwrap();
            let details = &lost.result()["structuredContent"]["error"]["details"];
            assert_eq!(details["current_version"], version + 1);
        }
        let history = client.read_resource("ticket://T-1/history").await;
        let history = history.result()["contents"][0]["text"].as_str().unwrap();
        let history: Value = serde_json::from_str(history).unwrap();
        assert_eq!(history["events"].as_array().unwrap().len(), 11, "{history}");
    })
    .await;
}

#[tokio::test]
async fn a_deployment_may_require_keys() {
    for transport in [Transport::Http, Transport::Stdio] {
        let command = command().env("MCP_IDEMPOTENCY", "required");
        let mut client = Client::start(&command, transport, MODERN).await;
        let refused = client.call("create_ticket", json!({ "title": "t", "body": "b" })).await;
        assert_eq!(failure(&refused), "invalid_input");
        let fields = &refused["structuredContent"]["error"]["details"]["fields"];
        assert_eq!(fields[0]["field"], "idempotency_key");
        let written = client.call("create_ticket", ticket("t", "k")).await;
        assert_eq!(written["isError"], false, "{written}");
        let listed = client.request("tools/list", Value::Null).await;
        for tool in listed["result"]["tools"].as_array().unwrap() {
            let required = &tool["inputSchema"]["required"];
            let is_write = tool["annotations"]["readOnlyHint"] == false;
            let names: Vec<&str> =
                required.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(names.contains(&"idempotency_key"), is_write, "{tool}");
        }
    }
}

#[tokio::test]
async fn tickets_survive_a_restart() {
    for_both_stores(|command| async move {
        for run in 1..=3 {
            let mut process = command.http().await;
            let client = HttpClient::new(process.url());
            client.call_tool("create_ticket", ticket("kept", &format!("run-{run}"))).await;
            let repeated = client.call_tool("create_ticket", ticket("kept", "run-1")).await;
            assert_eq!(repeated.result()["structuredContent"]["id"], "T-1");
            assert_eq!(titles(&client).await["kept"], run);
            assert_eq!(process.terminate().await.code(), Some(0));
        }
    })
    .await;
}

/// Every title, and how many tickets have it.
pub(crate) async fn titles(client: &HttpClient) -> BTreeMap<String, usize> {
    let mut titles = BTreeMap::new();
    let mut params = json!({});
    loop {
        let reply = client.request("resources/list", params.clone()).send().await;
        let page = reply.result();
        for entry in page["resources"].as_array().unwrap() {
            if entry["uri"].as_str().unwrap().starts_with("ticket://") {
                *titles.entry(entry["title"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        match page.get("nextCursor") {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => return titles,
        }
    }
}

/// How many writes there are in one crash test, how many of them at once, and how often the server dies meanwhile.
const WRITES: usize = 1_000;
const WRITERS: usize = 64;
const CRASHES: usize = 6;

#[tokio::test]
async fn a_crash_loses_no_acknowledged_ticket_and_doubles_none() {
    for_both_stores(|command| async move {
        let mut process = command.http().await;
        let (server, servers) = watch::channel(HttpClient::new(process.url()));
        let (acknowledge, mut acknowledged) = watch::channel(0);
        let writer = |writer: usize| {
            let (servers, acknowledge) = (servers.clone(), acknowledge.clone());
            tokio::spawn(async move {
                let mut ids = BTreeMap::new();
                for number in (writer..WRITES).step_by(WRITERS) {
                    let title = format!("ticket-{number:04}");
                    let id = write(servers.clone(), &title).await;
                    ids.insert(title, id);
                    acknowledge.send_modify(|count| *count += 1);
                }
                ids
            })
        };
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        for crash in 1..=CRASHES {
            // Anywhere in its share of the run, so that a crash meets writes at every step.
            let share = WRITES / (CRASHES + 1);
            let after = crash * share + rand::rng().random_range(0..share);
            let reached = acknowledged.wait_for(|count| *count >= after);
            timeout(PATIENCE, reached).await.expect("the writers go on").unwrap();
            process.kill_9().await;
            process = command.http().await;
            server.send_replace(HttpClient::new(process.url()));
        }
        let mut acknowledged = BTreeMap::new();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }

        let client = HttpClient::new(process.url());
        let written = titles(&client).await;
        assert_eq!(written.len(), WRITES);
        assert_eq!(written.iter().find(|(_, count)| **count != 1), None, "doubled");
        for (title, id) in acknowledged {
            let again = client.call_tool("create_ticket", ticket(&title, &title)).await;
            assert_eq!(again.result()["structuredContent"]["id"], id, "{title}");
        }
    })
    .await;
}

/// Writes until it is acknowledged, at whatever address the server has meanwhile; returns the ticket's id. What is
/// turned away for now is written again as well, as the error says.
async fn write(mut servers: watch::Receiver<HttpClient>, title: &str) -> Value {
    loop {
        let client = servers.borrow_and_update().clone();
        let params = json!({ "name": "create_ticket", "arguments": ticket(title, title) });
        if let Ok(reply) = client.request("tools/call", params).try_send().await {
            let content = &reply.result()["structuredContent"];
            if reply.result()["isError"] == false {
                return content["id"].clone();
            }
            assert_eq!(content["error"]["retryable"], true, "{}", reply.body);
            sleep(Duration::from_millis(200)).await;
            continue;
        }
        let changed = timeout(PATIENCE, servers.changed()).await;
        changed.expect("the server comes back").unwrap();
    }
}
