//! Memory stays what it was, however much the database would send.

use std::fs;

use mcp_testkit::StdioClient;
use serde_json::json;

use crate::stage::{Stage, query};

/// What a call may cost beyond what the process needed before.
const MARGIN_KB: u64 = 20 * 1_024;

/// A figure of the process in kB (`proc_pid_status(5)`).
fn figure(client: &mut StdioClient, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", client.process().id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn memory_stays_flat_whatever_the_database_would_send() {
    let stage = Stage::new();
    let mut client = stage.client();
    // Everything that is needed once.
    query(&mut client, "SELECT repeat('x', 900000), i FROM generate_series(1, 3) i").await;
    let before = figure(&mut client, "VmRSS");
    for (sql, truncated) in [
        ("SELECT repeat('x', 100000000)", true),
        ("SELECT 1, repeat('x', 100000000) UNION ALL SELECT 2, 'y'", true),
        ("SELECT * FROM generate_series(1, 10000000)", true),
        ("SELECT i, repeat('x', 50000) FROM generate_series(1, 10000000) i", true),
        ("SELECT array_agg(i) FROM generate_series(1, 3000000) i", true),
        ("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT * FROM n", true),
        ("SELECT length(repeat('x', 100000000))", false),
    ] {
        let answer = query(&mut client, sql).await;
        assert_eq!(answer["truncated"], truncated, "{sql}: {}", answer["error"]);
    }
    // An error may hold a value, too.
    let answer = query(&mut client, "SELECT repeat('x', 100000000)::int").await;
    assert_eq!(answer["error"]["details"]["sqlstate"], "54000", "{}", answer["error"]["message"]);
    let peak = figure(&mut client, "VmHWM");
    assert!(peak < before + MARGIN_KB, "{before} kB before, {peak} kB at most");
    assert_eq!(query(&mut client, "SELECT 1").await["rows"], json!([[1]]));
}
