//! Wrong input over HTTP and stdio: the specific error, nothing written, nothing that hangs.

use mcp_testkit::{HttpClient, ServerProcess};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, Keys, LEGACY, MODERN, Transport, command, failure};

/// What is wrong, and the field that the refusal names.
fn wrong_arguments() -> Vec<(&'static str, Value, &'static str)> {
    let create = |field: &str, value: Value| {
        let mut arguments = json!({ "title": "t", "body": "b" });
        arguments[field] = value;
        arguments
    };
    vec![
        ("create_ticket", json!({}), "title"),
        ("create_ticket", json!({ "title": "t" }), "body"),
        ("create_ticket", create("colour", json!("red")), "colour"),
        ("create_ticket", create("title", json!(7)), "title"),
        ("create_ticket", create("title", json!(null)), "title"),
        ("create_ticket", create("title", json!("")), "title"),
        ("create_ticket", create("title", json!("ü".repeat(201))), "title"),
        ("create_ticket", create("body", json!("x".repeat(10_001))), "body"),
        ("create_ticket", create("priority", json!("urgent")), "priority"),
        ("create_ticket", create("labels", json!("one")), "labels"),
        ("create_ticket", create("labels", json!([1])), "labels[0]"),
        ("create_ticket", create("labels", json!(vec!["x"; 21])), "labels"),
        ("create_ticket", create("assignee", json!("x".repeat(201))), "assignee"),
        ("create_ticket", create("created_by", json!("root")), "created_by"),
        ("create_ticket", create("idempotency_key", json!(1)), "idempotency_key"),
        ("create_ticket", create("idempotency_key", json!("")), "idempotency_key"),
        ("create_ticket", create("idempotency_key", json!("k".repeat(10_000))), "idempotency_key"),
        ("search_tickets", json!({ "query": "" }), "query"),
        ("search_tickets", json!({ "query": "x".repeat(501) }), "query"),
        ("search_tickets", json!({ "query": "x", "limit": 0 }), "limit"),
        ("search_tickets", json!({ "query": "x", "limit": 51 }), "limit"),
        ("search_tickets", json!({ "query": "x", "limit": -1 }), "limit"),
        ("search_tickets", json!({ "query": "x", "limit": 1.5 }), "limit"),
        ("search_tickets", json!({ "query": "x", "limit": "ten" }), "limit"),
        ("search_tickets", json!({ "query": "x", "status": "lost" }), "status"),
        ("search_tickets", json!({ "query": "x", "cursor": "%" }), "cursor"),
        ("search_tickets", json!({ "query": "x", "idempotency_key": "k" }), "idempotency_key"),
        ("get_ticket", json!({ "id": 1 }), "id"),
        ("get_ticket", json!({ "id": "T-1; DROP TABLE tickets" }), "id"),
        ("get_ticket", json!({ "id": "T-99999999999999999999" }), "id"),
        ("update_ticket", json!({ "id": "T-1" }), "expected_version"),
        ("update_ticket", json!({ "id": "T-1", "expected_version": 0 }), "expected_version"),
        (
            "update_ticket",
            json!({ "id": "T-1", "expected_version": 1, "status": "closed" }),
            "status",
        ),
        ("add_comment", json!({ "id": "T-1", "body": "" }), "body"),
        ("add_comment", json!({ "id": "T-1", "body": "b", "author": "root" }), "author"),
        ("close_ticket", json!({ "id": "T-1", "resolution": "x".repeat(1_001) }), "resolution"),
    ]
}

#[tokio::test]
async fn a_wrong_argument_is_refused_by_name_and_nothing_is_written() {
    for (transport, version) in
        [(Transport::Http, MODERN), (Transport::Http, LEGACY), (Transport::Stdio, MODERN)]
    {
        let mut client = Client::start(&command(), transport, version).await;
        for (tool, arguments, field) in wrong_arguments() {
            let result = client.call(tool, arguments.clone()).await;
            let shown = arguments.to_string().chars().take(80).collect::<String>();
            assert_eq!(failure(&result), "invalid_input", "{tool} {shown}: {result}");
            let error = &result["structuredContent"]["error"];
            let named = error["details"]["fields"][0]["field"].as_str().unwrap_or_default();
            assert_eq!(named, field, "{tool} {shown}: {error}");
            assert!(error["message"].as_str().unwrap().len() < 400, "{error}");
        }
        assert_eq!(tickets(&mut client).await, 0);
    }
}

/// How many tickets there are.
async fn tickets(client: &mut Client) -> usize {
    let answer = client.request("resources/list", Value::Null).await;
    let listed = answer["result"]["resources"].as_array().unwrap();
    listed.iter().filter(|it| it["uri"].as_str().unwrap().starts_with("ticket://")).count()
}

/// RMCP.md's trap: the SDK takes such a call for an unknown method, past the pipeline and its audit.
#[tokio::test]
async fn malformed_call_parameters_are_invalid_params_in_both_eras() {
    for (transport, version) in [
        (Transport::Http, MODERN),
        (Transport::Http, LEGACY),
        (Transport::Stdio, MODERN),
        (Transport::Stdio, LEGACY),
    ] {
        let mut client = Client::start(&command(), transport, version.clone()).await;
        for (method, params) in [
            ("tools/call", json!({ "name": "create_ticket", "arguments": [1] })),
            ("tools/call", json!({ "name": "create_ticket", "arguments": "x" })),
            ("tools/call", json!({ "arguments": {} })),
            ("tools/call", json!({ "name": 7 })),
            ("tools/call", json!({})),
            ("tools/call", json!({ "name": "nonsense" })),
            ("resources/read", json!({ "uri": 1 })),
            ("resources/read", json!({})),
            ("prompts/get", json!({ "name": [] })),
            ("completion/complete", json!({ "ref": "x" })),
        ] {
            let answer = client.request(method, params.clone()).await;
            let place = format!("{transport:?} {version} {method} {params}: {answer}");
            assert_eq!(answer["error"]["code"], -32602, "{place}");
        }
        let unknown = client.request("tools/destroy", json!({})).await;
        assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
        assert_eq!(tickets(&mut client).await, 0);
        client.process().wait_for_log("malformed_params").await;
        client.process().wait_for_log("unknown_target").await;
    }
}

/// A client whose every header can be spoiled.
async fn http() -> (ServerProcess, HttpClient) {
    let process = command().http().await;
    let client = HttpClient::new(process.url());
    (process, client)
}

#[tokio::test]
async fn what_is_no_message_is_told_apart() {
    let (process, client) = http().await;
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("nonsense", -32700),
        ("\u{0}", -32700),
        (r#"{"jsonrpc":"2.0"} trailing"#, -32700),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#, -32600),
        ("7", -32600),
        ("null", -32600),
        (r#"{"id":1,"method":"tools/list"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#, -32600),
    ] {
        for client in [client.clone(), HttpClient::with_version(process.url(), LEGACY)] {
            let reply = client.request("tools/list", Value::Null).body(body).send().await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}: {}", reply.body);
            assert_eq!(reply.json()["error"]["code"], code, "{body}: {}", reply.body);
            assert_eq!(reply.json()["id"], Value::Null, "{body}");
            assert!(!reply.header("x-request-id").is_empty());
        }
    }
    // Nested deeper than any parser should follow.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let reply = client.request("tools/list", Value::Null).body(deep).send().await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_oversized_body_is_refused_whatever_it_announces() {
    let (process, client) = http().await;
    let large = json!({ "name": "create_ticket", "arguments": { "title": "t", "body": "x".repeat(2 << 20) } });
    let reply = client.request("tools/call", large).send().await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.json()["error"], "invalid_request");
    assert!(reply.body.contains("MCP_MAX_BODY"), "{}", reply.body);

    // Without a length, so that only reading shows it.
    let mut stream = connect(&process).await;
    stream.write_all(head("Transfer-Encoding: chunked").as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..32 {
        // The server may close as soon as it has seen enough.
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let reply = read_reply(&mut stream).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
    assert!(reply.contains("MCP_MAX_BODY"), "{reply}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (process, client) = http().await;
    let mut stream = connect(&process).await;
    stream.write_all(head("Content-Length: 100").as_bytes()).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    assert_eq!(client.list_tools().await.status, StatusCode::OK, "nobody else waits");
    let reply = read_reply(&mut stream).await;
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");

    let mut stream = connect(&process).await;
    stream.write_all(head("Content-Length: 100").as_bytes()).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    stream.shutdown().await.unwrap();
    let reply = read_reply(&mut stream).await;
    assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 400"), "{reply}");
}

async fn connect(process: &ServerProcess) -> TcpStream {
    TcpStream::connect(process.address()).await.expect("the server accepts")
}

fn head(framing: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nConnection: close\r\n{framing}\r\n\r\n"
    )
}

/// What the server says before it closes; a reset after the reply is no fault of it.
async fn read_reply(stream: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    let read = stream.read_to_end(&mut reply);
    let ended = tokio::time::timeout(mcp_testkit::process::PATIENCE, read).await;
    assert!(ended.is_ok(), "the connection stays open");
    String::from_utf8_lossy(&reply).into_owned()
}

#[tokio::test]
async fn media_types_are_as_the_transport_says() {
    let (_process, client) = http().await;
    let list = || client.request("tools/list", Value::Null);
    for wrong in ["text/plain", "application/xml", "application/jsonp", "x"] {
        let reply = list().header("content-type", wrong).send().await;
        assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{wrong}");
        assert_eq!(reply.json()["error"], "invalid_request", "{wrong}");
    }
    let reply = list().without_header("content-type").send().await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for right in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(list().header("content-type", right).send().await.status, 200, "{right}");
    }
    for right in
        ["*/*", "application/json,text/event-stream", "text/event-stream;q=0.5, application/json"]
    {
        assert_eq!(list().header("accept", right).send().await.status, 200, "{right}");
    }
    assert_eq!(list().without_header("accept").send().await.status, 200);
    for wrong in ["text/html", "application/json", "text/event-stream"] {
        let reply = list().header("accept", wrong).send().await;
        assert_eq!(reply.status, StatusCode::NOT_ACCEPTABLE, "{wrong}");
        assert_eq!(reply.json()["error"], "invalid_request", "{wrong}");
    }
}

#[tokio::test]
async fn a_foreign_host_or_page_is_refused_before_credentials_are_looked_at() {
    let keys = Keys::new();
    let process = keys.command(&command()).http().await;
    let client = HttpClient::new(process.url());
    for (header, value) in [
        ("host", "evil.example"),
        ("host", "localhost.evil.example"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:1"),
    ] {
        let reply = client.request("tools/list", Value::Null).header(header, value).send().await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{header}: {value}");
        assert_eq!(reply.json()["error"], "invalid_request");
        assert_eq!(reply.header("www-authenticate"), "", "{header}: {value}");
        let mend = if header == "host" { "MCP_ALLOWED_HOSTS" } else { "MCP_ALLOWED_ORIGINS" };
        assert!(reply.body.contains(mend), "{}", reply.body);
    }
    let own = format!("http://{}", process.address());
    let reply = client.request("tools/list", Value::Null).header("origin", &own).send().await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn headers_that_disagree_with_the_body_are_a_header_mismatch() {
    let (_process, client) = http().await;
    let arguments = json!({ "title": "t", "body": "b" });
    let call = json!({ "name": "create_ticket", "arguments": arguments });
    // `get_ticket` in Base64: what a naive comparison would not see.
    for (header, value) in [
        ("mcp-name", "get_ticket"),
        ("mcp-name", "=?base64?Z2V0X3RpY2tldA==?="),
        ("mcp-method", "tools/list"),
        ("mcp-protocol-version", "2025-11-25"),
    ] {
        let reply = client.request("tools/call", call.clone()).header(header, value).send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{header}: {value}: {}", reply.body);
        assert_eq!(reply.json()["error"]["code"], -32020, "{header}: {value}: {}", reply.body);
    }
    for header in ["mcp-name", "mcp-method", "mcp-protocol-version"] {
        let reply = client.request("tools/call", call.clone()).without_header(header).send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "no {header}: {}", reply.body);
    }
    let unknown = client.request(
        "tools/list",
        json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2099-01-01" } }),
    );
    let reply = unknown.header("mcp-protocol-version", "2099-01-01").send().await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    let listed = client.request("resources/list", Value::Null).send().await;
    assert_eq!(listed.result()["resources"].as_array().unwrap().len(), 1, "nothing was written");
}

#[tokio::test]
async fn a_line_that_is_no_message_is_answered_and_the_session_goes_on() {
    for modern in [true, false] {
        let mut client = command().stdio();
        if !modern {
            client.initialize(LEGACY).await;
        }
        for (line, code) in [
            ("{", -32700),
            ("garbage", -32700),
            ("\u{feff}{}", -32700),
            ("[]", -32600),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#, -32600),
            ("7", -32600),
            (r#"{"id":1,"method":"tools/list"}"#, -32600),
        ] {
            client.send_line(line).await;
            let answer = client.receive().await;
            assert_eq!(answer["error"]["code"], code, "{line}: {answer}");
            assert_eq!(answer["id"], Value::Null, "{line}");
        }
        client.send_line("").await;
        let large = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "x".repeat(2 << 20));
        client.send_line(&large).await;
        let answer = client.receive().await;
        assert_eq!(answer["error"]["code"], -32600, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("MCP_MAX_BODY"));
        let listed = client.list_tools().await;
        assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 6);
    }
}

const CANARY: &str = "canary-7f3a9c51-must-not-leak";

#[tokio::test]
async fn no_secret_or_argument_reaches_the_log_or_an_answer_even_at_trace() {
    let keys = Keys::new();
    let command = keys.command(&command()).env("RUST_LOG", "trace").env("MCP_AUDIT_READS", "true");
    let process = command.http().await;
    let client = HttpClient::new(process.url());
    let good = client.clone().bearer(Keys::BOTH);
    for arguments in [
        json!({ "title": CANARY, "body": CANARY }),
        json!({ "title": CANARY, "body": [CANARY] }),
        json!({ "title": "t", "body": "b", "priority": CANARY }),
    ] {
        let reply = good.call_tool("create_ticket", arguments.clone()).await;
        let refused = failure(reply.result()) == "invalid_input";
        assert_eq!(reply.body.contains(CANARY), !refused, "{}", reply.body);
    }
    good.call_tool("search_tickets", json!({ "query": CANARY })).await;
    good.get_prompt("triage_ticket", json!({ "id": CANARY })).await;
    good.request("tools/call", json!({ "name": "create_ticket", "arguments": [CANARY] }))
        .send()
        .await;
    good.request("tools/list", Value::Null).body(CANARY).send().await;
    for header in ["authorization", "x-api-key"] {
        for value in [CANARY.to_owned(), format!("Bearer {CANARY}"), format!("Basic {CANARY}")] {
            let reply =
                client.request("tools/list", Value::Null).header(header, &value).send().await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{header}: {value}");
            assert!(!reply.body.contains(CANARY), "{}", reply.body);
            assert!(!format!("{:?}", reply.headers).contains(CANARY), "{:?}", reply.headers);
        }
    }
    // The last line that there will be: everything before it has been read.
    let mut process = process;
    process.terminate().await;
    process.wait_for_log(r#""event":"closed""#).await;
    let log = process.log().join("\n");
    assert!(log.contains("create_ticket"), "{log}");
    for secret in [CANARY, Keys::BOTH] {
        let leak = process.log().into_iter().find(|line| line.contains(secret));
        assert_eq!(leak, None);
    }
}
