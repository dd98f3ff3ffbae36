//! The audit log of a running server: rotated, cut off by a crash, and on a disk that takes nothing any more.

use std::{fs, path::Path};

use mcp_testkit::{HttpClient, ServerCommand};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{command, failure};

fn audited(folder: &TempDir) -> ServerCommand {
    command().env("MCP_AUDIT_LOG", folder.path().join("audit.jsonl"))
}

async fn create(client: &HttpClient) -> Value {
    let ticket = json!({ "title": "Printer", "body": "smokes" });
    client.call_tool("create_ticket", ticket).await.result().clone()
}

/// The numbers of calls in a log whose chain is whole.
async fn calls(file: &Path) -> usize {
    let verified = command().args(["audit", "verify"]).args([file]).output().await;
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert_eq!(verified.status.code(), Some(0), "{}: {told}", file.display());
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter(|line| line.contains("create_ticket")).count()
}

#[tokio::test]
async fn a_log_that_is_rotated_by_renaming_loses_no_line() {
    let folder = TempDir::new().unwrap();
    let (log, old) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1"));
    let mut server = audited(&folder).http().await;
    let client = HttpClient::new(server.url());
    for _ in 0..3 {
        assert_eq!(failure(&create(&client).await), "");
    }
    fs::rename(&log, &old).unwrap();
    for _ in 0..4 {
        assert_eq!(failure(&create(&client).await), "");
    }
    server.terminate().await;
    assert_eq!((calls(&old).await, calls(&log).await), (3, 4));
}

#[tokio::test]
async fn a_chain_goes_on_after_a_power_cut() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("audit.jsonl");
    for _ in 0..3 {
        let mut server = audited(&folder).http().await;
        assert_eq!(failure(&create(&HttpClient::new(server.url())).await), "");
        server.kill_9().await;
    }
    assert_eq!(calls(&log).await, 3);
}

#[tokio::test]
async fn while_the_log_takes_nothing_writes_are_refused_and_reads_go_on() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("audit.jsonl");
    let mut server = audited(&folder).http().await;
    let client = HttpClient::new(server.url());
    assert_eq!(failure(&create(&client).await), "");
    // What stands at the log's place cannot be appended to, whoever the process is.
    fs::rename(&log, folder.path().join("audit.1")).unwrap();
    fs::create_dir(&log).unwrap();
    let refused = [create(&client).await, create(&client).await];
    assert_eq!(refused.each_ref().map(failure), ["unavailable", "unavailable"]);
    let found = client.call_tool("search_tickets", json!({ "query": "Printer" })).await;
    let tickets = &found.result()["structuredContent"]["tickets"];
    let address = server.address();
    let metrics = HttpClient::new(format!("http://{address}/metrics"));
    let metrics = metrics.request("ping", Value::Null).method(Method::GET).send().await.body;
    assert!(!metrics.contains("mcp_server_audit_write_failures_total 0"), "{metrics}");
    assert_eq!(reqwest::get(format!("http://{address}/ready")).await.unwrap().status(), 503);

    fs::remove_dir(&log).unwrap();
    assert_eq!(failure(&create(&client).await), "");
    assert_eq!(reqwest::get(format!("http://{address}/ready")).await.unwrap().status(), 200);
    server.terminate().await;
    assert!(calls(&log).await >= 1);
    // The first refusal may have come after the ticket: what was not recorded was not acknowledged.
    assert!((1..=2).contains(&tickets.as_array().unwrap().len()), "{tickets}");
}
