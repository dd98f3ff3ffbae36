//! The commands of docs/CLIENTS.md, and of the guides that people come from, with curl itself.

use mcp_testkit::ServerProcess;
use serde_json::Value;
use tokio::process::Command;

use crate::support::{Keys, command};

/// Runs a command line as its reader would, and returns what it printed.
async fn run(server: &ServerProcess, line: &str) -> String {
    let shell = Command::new("bash")
        .args(["-euo", "pipefail", "-c", line])
        .env("MCP_URL", server.url())
        .env("TOKEN", Keys::BOTH)
        .output()
        .await
        .expect("bash and curl are installed");
    assert!(shell.status.success(), "{line}\n{}", String::from_utf8_lossy(&shell.stderr));
    String::from_utf8(shell.stdout).unwrap()
}

/// The JSON of an answer that succeeded.
fn result(printed: &str) -> Value {
    let answer: Value = serde_json::from_str(printed).unwrap_or_else(|_| panic!("{printed}"));
    answer.get("result").unwrap_or_else(|| panic!("{answer}")).clone()
}

#[tokio::test]
async fn the_commands_of_the_documentation_do_what_it_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CLIENTS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|it| it.split("```").next().unwrap());
    let lines: Vec<_> = blocks.collect();
    let keys = Keys::new();
    let server = keys.command(&command()).http().await;
    let mut printed = Vec::new();
    for line in &lines {
        printed.push(run(&server, line).await);
    }
    let [initialize, list, legacy_call, call, refused] = &printed[..] else {
        panic!("a command came or went: {lines:#?}");
    };
    assert_eq!(result(initialize)["serverInfo"]["name"], "mcp-ticketing");
    assert_eq!(result(initialize)["protocolVersion"], "2025-11-25");
    assert_eq!(result(list)["tools"].as_array().unwrap().len(), 6);
    for call in [legacy_call, call] {
        assert_eq!(result(call)["structuredContent"]["tickets"], Value::Array(Vec::new()));
    }
    assert!(refused.starts_with("401 Bearer resource_metadata="), "{refused}");
}

#[tokio::test]
async fn the_three_calls_of_the_guides_work_as_they_are_printed() {
    const CALLS: [&str; 3] = [
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"test","version":"1.0.0"}}}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"create_ticket","arguments":{"title":"t","body":"b"}}}"#,
    ];
    let keys = Keys::new();
    let server = keys.command(&command()).http().await;
    // Some name both media types, some one, some none; some name the version.
    for headers in [
        "",
        "-H 'Accept: application/json, text/event-stream'",
        "-H 'Accept: */*' -H 'MCP-Protocol-Version: 2025-03-26'",
    ] {
        for body in CALLS {
            let line = format!(
                "curl -sS -X POST \"$MCP_URL\" -H 'Content-Type: application/json' \
                 -H \"Authorization: Bearer $TOKEN\" {headers} -d '{body}'"
            );
            let result = result(&run(&server, &line).await);
            assert_ne!(result["isError"], true, "{result}");
        }
    }
}
