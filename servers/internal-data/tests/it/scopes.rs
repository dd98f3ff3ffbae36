//! Who may call what: every tool with every scope, and without a credential.

use std::io::Write;

use mcp_testkit::HttpClient;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::stage::command;

const SCOPES: [&str; 3] = ["mcp:read", "mcp:query", "mcp:metrics"];

fn key(scope: &str) -> String {
    format!("key-of-somebody-with-{}", scope.replace(':', "-"))
}

fn calls() -> [(&'static str, Value, &'static str); 5] {
    let users = json!({ "collection": "users" });
    [
        ("list_collections", json!({}), "mcp:read"),
        ("describe_collection", users.clone(), "mcp:read"),
        ("query_data", users, "mcp:query"),
        ("get_user_profile", json!({ "userId": "u-1" }), "mcp:read"),
        ("get_metrics", json!({ "metricType": "usage" }), "mcp:metrics"),
    ]
}

#[tokio::test]
async fn each_tool_needs_its_own_scope_and_no_other() {
    let mut keys = tempfile::NamedTempFile::new().unwrap();
    for scope in SCOPES {
        let digest = Sha256::digest(key(scope));
        let digest = digest.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let entry = format!("[[key]]\nowner = \"{scope}\"\nsha256 = \"{digest}\"\n");
        writeln!(keys, "{entry}scopes = \"{scope}\"").unwrap();
    }
    let command = command().env("MCP_AUTH", "api-key").env("MCP_API_KEYS_FILE", keys.path());
    let server = command.http().await;
    for (tool, arguments, needed) in calls() {
        let bare = HttpClient::new(server.url()).call_tool(tool, arguments.clone()).await;
        assert_eq!(bare.status, 401, "{tool}");
        for scope in SCOPES {
            let client = HttpClient::new(server.url()).bearer(&key(scope));
            let reply = client.call_tool(tool, arguments.clone()).await;
            if scope == needed {
                assert_ne!(reply.result()["isError"], true, "{tool} {}", reply.body);
            } else {
                assert_eq!(reply.status, 403, "{tool} {scope}");
                let challenge = reply.header("www-authenticate");
                assert!(challenge.contains(needed), "{tool} {challenge}");
            }
        }
    }
}
