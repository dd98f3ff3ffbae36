//! What is true of every server's surface, whatever the server is about: one function for each statement, for the tests of each server.

use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use crate::http::{HttpClient, Reply};
use crate::process::ServerCommand;

/// The lists of the protocol: the method, where its items stand, and who may keep it.
const LISTS: [(&str, &str, &str); 4] = [
    ("tools/list", "tools", "private"),
    ("prompts/list", "prompts", "public"),
    ("resources/templates/list", "resourceTemplates", "public"),
    ("resources/list", "resources", "private"),
];

/// The longest picture of what stands in a list, as an address; that of a server may have some kilobytes.
const MAX_ICON: usize = 300;

/// What a modern list says of who answers.
const SIGNATURE: &str = "io.modelcontextprotocol/serverInfo";

/// Shows that whatever a server lists has a title and a small picture of its own, so that nothing has to be fetched; that every list
/// is in the same order at every process, and says who answers and who may keep it.
///
/// # Panics
/// When it is not so.
pub async fn lists_are_complete(command: &ServerCommand) {
    let servers = [command.http().await, command.http().await];
    for version in [ProtocolVersion::V_2026_07_28, ProtocolVersion::V_2025_11_25] {
        let is_modern = version == ProtocolVersion::V_2026_07_28;
        let clients = servers
            .each_ref()
            .map(|server| HttpClient::with_version(server.url(), version.clone()));
        for (method, list, scope) in LISTS {
            let [first, second] = clients.each_ref().map(|client| result(client, method));
            let (first, second) = (first.await, second.await);
            assert_eq!(first[list], second[list], "{version} {method}: another order");
            for item in first[list].as_array().expect("a list") {
                // What stands under a template comes from a store, without pictures.
                is_presentable(item, method != "resources/list");
            }
            if is_modern {
                assert_eq!(first["cacheScope"], scope, "{method}");
                assert!(first["ttlMs"].is_u64(), "{method}: {first}");
                let signature = &first["_meta"][SIGNATURE];
                assert!(signature["name"].is_string() && signature["version"].is_string());
                assert!(signature["icons"].is_null(), "every result would carry it");
            }
        }
    }
    let client = HttpClient::new(servers[0].url());
    let discovered = result(&client, "server/discover").await["_meta"][SIGNATURE].clone();
    let initialized = HttpClient::legacy(servers[0].url()).initialize().await;
    for own in [&discovered, &initialized.result()["serverInfo"]] {
        is_presentable(own, false);
        let icon = own["icons"][0]["src"].as_str().expect("the server's own picture");
        assert!(icon.starts_with("data:image/svg+xml,") && icon.len() <= 4_096, "{icon}");
    }
}

async fn result(client: &HttpClient, method: &str) -> Value {
    client.request(method, json!({})).send().await.result().clone()
}

fn is_presentable(item: &Value, has_icon: bool) {
    let title = item["title"].as_str().unwrap_or_default();
    assert!(!title.trim().is_empty(), "no title: {item}");
    if has_icon {
        let icon = &item["icons"][0];
        let src = icon["src"].as_str().unwrap_or_default();
        assert!(src.starts_with("data:image/svg+xml,") && src.len() <= MAX_ICON, "{item}");
        assert_eq!(icon["mimeType"], "image/svg+xml", "{item}");
    }
}

/// Shows that clients of 2026-07-28 have to repeat `argument` in a header, as it is in the body, and that legacy clients need not.
///
/// # Panics
/// When it is not so.
pub async fn is_repeated_in_a_header(
    url: &str,
    (tool, arguments): (&str, &Value),
    (argument, header): (&str, &str),
) {
    let client = HttpClient::new(url);
    let tools = result(&client, "tools/list").await;
    let tools = tools["tools"].as_array().expect("tools");
    let schema = &tools.iter().find(|it| it["name"] == tool).expect("the tool")["inputSchema"];
    let property = &schema["properties"][argument];
    assert_eq!((&property["type"], &property["x-mcp-header"]), (&json!("string"), &json!(header)));

    let name = format!("mcp-param-{header}");
    let call = || {
        let params = json!({ "name": tool, "arguments": arguments });
        client.request("tools/call", params)
    };
    let value = arguments[argument].as_str().expect("the argument");
    let is_answered = |reply: &Reply| {
        assert_eq!(reply.status, 200, "{tool}: {}", reply.body);
        assert_ne!(reply.result()["isError"], true, "{tool}: {}", reply.body);
    };
    is_answered(&call().send().await);
    is_answered(&call().header(&name, &crate::wire::wrapped(value)).send().await);
    let foreign = [
        call().without_header(&name),
        call().header(&name, "somebody-elses"),
        call().header(&name, &value.to_uppercase()),
        call().header(&name, "=?base64?####?="),
    ];
    for request in foreign {
        let reply = request.send().await;
        assert_eq!(reply.status, 400, "{tool}: {}", reply.body);
        assert_eq!(reply.json()["error"]["code"], -32020, "{tool}: {}", reply.body);
    }
    is_answered(&HttpClient::legacy(url).call_tool(tool, arguments.clone()).await);
}
