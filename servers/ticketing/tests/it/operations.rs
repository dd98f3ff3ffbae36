//! Start, stop, probes and the commands beside serving.

use std::io::Write;
use std::path::Path;
use std::process::Output;

use mcp_testkit::http::Reply;
use mcp_testkit::{HttpClient, ServerProcess};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{LEGACY, command};

async fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().await
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is UTF-8")
}

async fn get(process: &ServerProcess, path: &str) -> Reply {
    let client = HttpClient::new(format!("http://{}{path}", process.address()));
    client.request("ping", Value::Null).method(Method::GET).send().await
}

#[tokio::test]
async fn probes_answer_as_the_contract_says() {
    let process = command().http().await;
    assert_eq!(get(&process, "/live").await.status, StatusCode::OK);
    assert_eq!(get(&process, "/ready").await.status, StatusCode::OK);
    let health = get(&process, "/health").await;
    let body = health.json();
    assert_eq!((health.status, &body["status"]), (StatusCode::OK, &json!("healthy")));
    assert!(body["timestamp"].is_string());
    assert_eq!(body["checks"]["store"]["ok"], true, "{body}");
    assert!(body["checks"]["store"]["latency_ms"].is_u64(), "{body}");
    assert!(get(&process, "/metrics").await.body.contains("mcp_server_operation_duration_seconds"));

    // Behind a proxy on the same machine everybody would look like an operator.
    let behind = |path: &str| {
        let client = HttpClient::new(format!("http://{}{path}", process.address()));
        let request = client.request("ping", Value::Null).method(Method::GET);
        request.header("x-forwarded-for", "203.0.113.7").send()
    };
    assert_eq!(behind("/metrics").await.status, StatusCode::NOT_FOUND);
    assert_eq!(behind("/health").await.json().as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn a_call_in_flight_is_finished_before_the_server_ends() {
    let mut process = command().http().await;
    // Its body is still coming when the signal does.
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "create_ticket", "arguments": { "title": "t", "body": "b" } } });
    let call = call.to_string();
    let (start, rest) = call.split_at(20);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         MCP-Protocol-Version: 2025-11-25\r\nContent-Length: {}\r\n\r\n{start}",
        call.len()
    );
    let mut slow = TcpStream::connect(process.address()).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    // A later connection is answered, so that one has been taken.
    assert_eq!(get(&process, "/ready").await.status, StatusCode::OK);

    process.signal(nix::sys::signal::Signal::SIGTERM);
    process.wait_for_log("stopping").await;
    let draining = get(&process, "/ready").await;
    assert_eq!(draining.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&process, "/live").await.status, StatusCode::OK);
    let client = HttpClient::with_version(process.url(), LEGACY);
    let refused = client.list_tools().await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["error"], "overloaded");
    assert_eq!(refused.header("retry-after"), "1");

    slow.write_all(rest.as_bytes()).await.unwrap();
    let mut reply = String::new();
    slow.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("T-1"), "{reply}");
    assert_eq!(process.wait().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_the_server_at_once() {
    let mut process = command().env("MCP_DRAIN_DEADLINE", "1h").http().await;
    let mut slow = TcpStream::connect(process.address()).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(get(&process, "/ready").await.status, StatusCode::OK);
    process.signal(nix::sys::signal::Signal::SIGTERM);
    process.wait_for_log("stopping").await;
    process.signal(nix::sys::signal::Signal::SIGINT);
    let started = std::time::Instant::now();
    assert_eq!(process.wait().await.code(), Some(0));
    assert!(started.elapsed().as_secs() < 3, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_deadline_is_cut_off() {
    let mut process = command().env("MCP_DRAIN_DEADLINE", "300ms").http().await;
    let mut slow = TcpStream::connect(process.address()).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(get(&process, "/ready").await.status, StatusCode::OK);
    let started = std::time::Instant::now();
    process.signal(nix::sys::signal::Signal::SIGTERM);
    process.wait_for_log("calls were cut off at the drain deadline").await;
    assert_eq!(process.wait().await.code(), Some(0));
    // A body may take 10 s, which is not waited for.
    assert!(started.elapsed().as_secs() < 8, "{:?}", started.elapsed());
}

#[tokio::test]
async fn stdio_ends_on_a_signal_and_its_stdout_is_the_protocol_alone() {
    let mut client = command().env("RUST_LOG", "debug").stdio();
    // The client fails at any line of stdout that is not JSON.
    client.list_tools().await;
    client.call_tool("create_ticket", json!({ "title": "t", "body": "b" })).await;
    assert_eq!(client.process().terminate().await.code(), Some(0));
}

/// A server that keeps its audit log in a file, and what it wrote after some calls.
async fn audited() -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("audit.jsonl");
    let command = command().env("MCP_AUDIT_LOG", &file).env("MCP_AUDIT_READS", "true");
    // Two runs: the chain goes on over a restart.
    for _ in 0..2 {
        let mut process = command.http().await;
        let client = HttpClient::new(process.url());
        for _ in 0..3 {
            client.call_tool("create_ticket", json!({ "title": "t", "body": "b" })).await;
            client.call_tool("get_ticket", json!({ "id": "T-1" })).await;
        }
        client.call_tool("nonsense", json!({})).await;
        assert_eq!(process.terminate().await.code(), Some(0));
    }
    let log = std::fs::read_to_string(&file).unwrap();
    (directory, log)
}

async fn verify(file: &Path) -> Output {
    command().args(["audit", "verify"]).args([file]).output().await
}

#[tokio::test]
async fn the_audit_log_holds_every_call_and_its_chain_verifies() {
    let (directory, log) = audited().await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<_> = lines.iter().filter(|line| line["event"] == "call").collect();
    assert_eq!(calls.len(), 12);
    assert_eq!(lines.iter().filter(|line| line["reason"] == "unknown_target").count(), 2);
    let write = calls.iter().find(|line| line["tool"] == "create_ticket").unwrap();
    assert_eq!(write["principal"]["key"], "anonymous");
    assert_eq!(write["outcome"], "ok");
    assert!(write["arguments_sha256"].is_string() && write.get("arguments").is_none(), "{write}");
    let read = calls.iter().find(|line| line["tool"] == "get_ticket").unwrap();
    assert_eq!(read["fields"], json!({ "id": "T-1" }));

    let verified = verify(&directory.path().join("audit.jsonl")).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    let expected = format!("{} lines, ", lines.len());
    assert!(text(&verified.stdout).starts_with(&expected), "{verified:?}");
}

#[tokio::test]
async fn tampering_with_the_audit_log_is_found_with_its_line() {
    let (directory, log) = audited().await;
    let lines: Vec<&str> = log.lines().collect();
    let changed = lines[2].replace("\"outcome\":\"ok\"", "\"outcome\":\"no\"");
    let without = [&lines[..3], &lines[4..]].concat();
    let swapped = [&lines[..2], &[lines[3], lines[2]], &lines[4..]].concat();
    let doubled = [&lines[..3], &lines[2..]].concat();
    for (case, lines, broken) in [
        ("changed", [&lines[..2], &[&changed], &lines[3..]].concat(), 3),
        ("removed", without, 4),
        ("swapped", swapped, 3),
        ("doubled", doubled, 4),
        ("garbage", [&lines[..1], &["{}"], &lines[1..]].concat(), 2),
    ] {
        let file = directory.path().join(case);
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
        let output = verify(&file).await;
        assert_eq!(output.status.code(), Some(1), "{case}: {output:?}");
        let said = text(&output.stderr);
        assert!(said.contains(&format!("line {broken}")), "{case}: {said}");
    }
    let missing = verify(Path::new("/nonexistent")).await;
    assert_eq!(missing.status.code(), Some(2));
}

#[tokio::test]
async fn doctor_says_what_would_be_unsafe() {
    let output = run(&["doctor", "--json"]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &told["ok"]), (Some(0), &json!(true)), "{told}");
    let names = told["findings"].as_array().unwrap().iter().map(|it| it["name"].clone());
    let names: Vec<_> = names.collect();
    for name in ["exposure", "audit", "quotas", "store"] {
        assert!(names.contains(&json!(name)), "{names:?}");
    }
    for (variable, value, finding) in [
        ("MCP_AUDIT_LOG", "off", "audit"),
        ("MCP_LISTEN", "0.0.0.0:8080", "exposure"),
        ("DATABASE_URL", "postgres://127.0.0.1:9/x", "start"),
    ] {
        let command = command().args(["doctor", "--json"]).env(variable, value);
        let output = command.output().await;
        assert_eq!(output.status.code(), Some(1), "{variable}");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let failed = told["findings"].as_array().unwrap().iter();
        let failed = failed.filter(|it| it["status"] == "fail").map(|it| it["name"].clone());
        assert!(failed.collect::<Vec<_>>().contains(&json!(finding)), "{variable}: {told}");
    }
    let read_only = command().args(["doctor"]).env("MCP_AUDIT_LOG", "off");
    let read_only = read_only.env("MCP_READ_ONLY", "true").output().await;
    assert_eq!(read_only.status.code(), Some(0), "{}", text(&read_only.stdout));
}

#[tokio::test]
async fn healthcheck_is_a_probe_without_a_shell() {
    let mut process = command().http().await;
    let url = format!("http://{}/ready", process.address());
    let healthy = run(&["healthcheck", "--url", &url]).await;
    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    let listen = process.address().to_string();
    let configured = command().args(["healthcheck"]).env("MCP_LISTEN", listen).output().await;
    assert_eq!(configured.status.code(), Some(0), "{configured:?}");
    process.terminate().await;
    assert_eq!(run(&["healthcheck", "--url", &url]).await.status.code(), Some(1));
    assert_eq!(run(&["healthcheck", "--url", "nonsense"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn tools_are_listed_for_machines_and_people() {
    let output = run(&["tools", "--json"]).await;
    let tools: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(tools.len(), 6);
    for tool in &tools {
        for key in ["annotations", "definition", "deadline_ms", "quota", "scopes", "side_effect"] {
            assert!(!tool[key].is_null(), "{key}: {tool}");
        }
        assert!(tool["token_cost"].as_u64().unwrap() < 1_200, "{tool}");
    }
    let table = run(&["tools"]).await;
    assert_eq!(text(&table.stdout).lines().count(), 7);
}

#[tokio::test]
async fn a_configuration_made_from_the_schema_is_accepted() {
    let schema = run(&["config", "schema"]).await;
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml_of(&schema["properties"], "").as_bytes()).unwrap();
    let check = command().args(["config", "check", "--config"]).args([file.path()]);
    let output = check.output().await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// Every default of the schema as a file: top-level keys first, as TOML wants them.
fn toml_of(properties: &Value, table: &str) -> String {
    let (mut lines, mut tables) = (Vec::new(), Vec::new());
    for (name, property) in properties.as_object().unwrap() {
        if let Some(default) = property["default"].as_str() {
            lines.push(format!("{name} = {default:?}\n"));
        } else if table.is_empty() && property["properties"].is_object() {
            tables.push(toml_of(&property["properties"], name));
        }
    }
    let head = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
    [head, lines.concat(), tables.concat()].concat()
}

#[tokio::test]
async fn completions_man_page_version_and_help_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]).await;
        assert!(text(&output.stdout).contains("mcp-ticketing"), "{shell}");
    }
    assert!(text(&run(&["man"]).await.stdout).starts_with(".ie"));
    let version = run(&["--version"]).await;
    assert_eq!(text(&version.stdout), concat!("mcp-ticketing ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(text(&run(&["--help"]).await.stdout).contains("Exit codes:"));
}

#[tokio::test]
async fn wrong_usage_is_exit_code_2() {
    for arguments in [&["nonsense"][..], &[], &["http", "--port", "1"], &["audit"]] {
        let output = run(arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_exit_code_3() {
    let process = command().http().await;
    let address = process.address().to_string();
    let output = run(&["http", "--listen", &address]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains(&address), "{output:?}");
}
