//! Pages (MCP Apps, SEP-1865): offered to clients that announce that they show them, and to nobody else.

use mcp_testkit::wire::{initialize_params, is_modern};
use mcp_testkit::{HttpClient, ServerCommand, StdioClient};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use crate::support::{Keys, LEGACY, MODERN, command, failure};

const PAGE: &str = "ui://ticketing/tickets";
const MEDIA_TYPE: &str = "text/html;profile=mcp-app";
const EXTENSION: &str = "io.modelcontextprotocol/ui";

/// What a client says of itself that shows pages.
fn capabilities() -> Value {
    json!({ "extensions": { EXTENSION: { "mimeTypes": [MEDIA_TYPE] } } })
}

/// The parameters of a modern request of such a client.
fn announcing(params: Value) -> Value {
    let mut params = params;
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities();
    params
}

/// A client on stdio, and whether it shows pages.
struct Client {
    stdio: StdioClient,
    version: ProtocolVersion,
    shows_pages: bool,
    /// What `initialize` or `server/discover` answered.
    server: Value,
}

impl Client {
    async fn start(command: &ServerCommand, version: ProtocolVersion, shows_pages: bool) -> Self {
        let mut stdio = command.stdio();
        let server = Value::Null;
        if is_modern(&version) {
            let mut client = Self { stdio, version, shows_pages, server };
            client.server = client.request("server/discover", json!({})).await["result"].take();
            return client;
        }
        let mut params = initialize_params(&version);
        if shows_pages {
            params["capabilities"] = capabilities();
        }
        let message =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        stdio.send(&message).await;
        let server = stdio.receive().await["result"].take();
        stdio.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        Self { stdio, version, shows_pages, server }
    }

    async fn request(&mut self, method: &str, params: Value) -> Value {
        if !is_modern(&self.version) {
            let message = mcp_testkit::wire::request(&self.version, method, params);
            self.stdio.send(&message).await;
            loop {
                let answer = self.stdio.receive().await;
                if answer["id"] == message["id"] {
                    return answer;
                }
            }
        }
        let params = if self.shows_pages { announcing(params) } else { params };
        self.stdio.request(method, params).await
    }

    async fn result(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.request(method, params).await;
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].take()
    }
}

#[tokio::test]
async fn a_client_that_shows_pages_is_told_which_tool_has_one() {
    for version in [MODERN, LEGACY] {
        let mut client = Client::start(&command(), version.clone(), true).await;
        let announced = &client.server["capabilities"]["extensions"][EXTENSION];
        assert_eq!(announced, &json!({ "mimeTypes": [MEDIA_TYPE] }), "{version}");

        let tools = client.result("tools/list", json!({})).await;
        let shown: Vec<_> = tools["tools"].as_array().unwrap().iter().map(page_of).collect();
        let page = Some(PAGE);
        assert_eq!(shown, [page, page, None, None, None, None], "{version}");

        let resources = client.result("resources/list", json!({})).await;
        let listed = resources["resources"].as_array().unwrap();
        let entry = listed.iter().find(|it| it["uri"] == PAGE).expect("the page is listed");
        assert_eq!(entry["mimeType"], MEDIA_TYPE);

        let read = client.result("resources/read", json!({ "uri": PAGE })).await;
        let [content] = read["contents"].as_array().unwrap().as_slice() else { panic!("{read}") };
        assert_eq!((&content["uri"], &content["mimeType"]), (&json!(PAGE), &json!(MEDIA_TYPE)));
        assert!(content["text"].as_str().unwrap().starts_with("<!doctype html>"), "{version}");
        for origins in ["connectDomains", "resourceDomains", "frameDomains", "baseUriDomains"] {
            assert_eq!(content["_meta"]["ui"]["csp"][origins], json!([]), "{version} {origins}");
        }
        let private = if is_modern(&version) { json!("private") } else { Value::Null };
        assert_eq!(read["cacheScope"], private);
    }
}

fn page_of(tool: &Value) -> Option<&str> {
    tool["_meta"]["ui"]["resourceUri"].as_str()
}

#[tokio::test]
async fn for_everybody_else_there_are_no_pages() {
    for version in [MODERN, LEGACY] {
        let mut client = Client::start(&command(), version.clone(), false).await;
        assert!(client.server["capabilities"]["extensions"][EXTENSION].is_null(), "{version}");
        for method in ["tools/list", "resources/list", "resources/templates/list"] {
            let listed = client.result(method, json!({})).await.to_string();
            assert!(!listed.contains("ui://") && !listed.contains("\"ui\""), "{listed}");
        }
        let read = client.request("resources/read", json!({ "uri": PAGE })).await;
        assert_eq!(read["error"]["data"]["uri"], PAGE, "{read}");
    }
}

/// Over HTTP without sessions nothing remembers what a legacy client announced, so it is promised nothing.
#[tokio::test]
async fn a_legacy_client_without_a_session_is_promised_no_pages() {
    for (sessions, is_promised) in [("stateless", false), ("local", true)] {
        let process = command().env("MCP_SESSIONS", sessions).http().await;
        let mut params = initialize_params(&LEGACY);
        params["capabilities"] = capabilities();
        let client = HttpClient::with_version(process.url(), LEGACY);
        let reply = client.request("initialize", params).send().await;
        let extensions = &reply.result()["capabilities"]["extensions"];
        assert_eq!(extensions[EXTENSION].is_object(), is_promised, "{sessions}");
        let list = client.request("tools/list", json!({}));
        let list = list.header("mcp-session-id", reply.header("mcp-session-id")).send().await;
        let shown = page_of(&list.result()["tools"][0]);
        assert_eq!(shown.is_some(), is_promised, "{sessions}");
    }
}

#[tokio::test]
async fn showing_pages_changes_no_answer() {
    for version in [MODERN, LEGACY] {
        let mut told = Vec::new();
        for shows_pages in [false, true] {
            let mut client = Client::start(&command(), version.clone(), shows_pages).await;
            let mut answers = vec![client.result("tools/list", json!({})).await];
            for (name, arguments) in [
                ("create_ticket", json!({ "title": "Printer", "body": "It burns." })),
                ("add_comment", json!({ "id": "T-1", "body": "Still." })),
                ("search_tickets", json!({ "query": "printer" })),
                ("get_ticket", json!({ "id": "T-1" })),
                ("close_ticket", json!({ "id": "T-1", "resolution": "Extinguished." })),
                ("close_ticket", json!({ "id": "T-1", "resolution": "Again." })),
            ] {
                let params = json!({ "name": name, "arguments": arguments });
                answers.push(client.result("tools/call", params).await);
            }
            answers.iter_mut().for_each(scrub);
            told.push(answers);
        }
        let [without, with] = [told.remove(0), told.remove(0)];
        assert_eq!(without, with, "{version}");
        assert!(without[4].to_string().contains("It burns."), "{}", without[4]);
    }
}

/// Takes out what differs from call to call, and the pages of tools.
fn scrub(value: &mut Value) {
    const CHANGING: [&str; 5] =
        ["created_at", "updated_at", "io.github.mcp-chassis/request_id", "request_id", "ui"];
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !CHANGING.contains(&name.as_str()));
            fields.values_mut().for_each(scrub);
            if fields.get("_meta").is_some_and(|meta| meta == &json!({})) {
                fields.remove("_meta");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(scrub),
        Value::String(text) => {
            if let Ok(mut inner @ Value::Object(_)) = serde_json::from_str(text) {
                scrub(&mut inner);
                *text = inner.to_string();
            } else if text.contains("untrusted-data") {
                "[marker]".clone_into(text);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn a_page_is_read_under_its_policy() {
    let keys = Keys::new();
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = keys.command(&command()).env("MCP_AUDIT_LOG", log.path());
    let command = command.env("MCP_AUDIT_READS", "true").env("MCP_RATE_LIMIT_READ", "1/1m");
    let mut process = command.http().await;
    let url = process.url();
    let read = async |key: &str| {
        let client = HttpClient::new(url.clone()).bearer(key);
        client.request("resources/read", announcing(json!({ "uri": PAGE }))).send().await
    };
    let refused = read(Keys::WRITE).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").contains("tickets:read"));
    let whole = read(Keys::BOTH).await;
    assert!(whole.result()["contents"][0]["text"].is_string());
    let spent = read(Keys::BOTH).await;
    assert_eq!(spent.json()["error"]["data"]["error"]["code"], "rate_limited");
    // The record of a read may be written after its answer.
    assert!(process.terminate().await.success());
    let written = std::fs::read_to_string(log.path()).unwrap();
    let lines = written.lines().filter(|line| line.contains(PAGE));
    assert_eq!(lines.count(), 3, "{written}");
}

#[tokio::test]
async fn a_page_goes_with_its_tools() {
    let command = command().env("MCP_TOOLS", "create_ticket");
    let mut client = Client::start(&command, MODERN, true).await;
    assert!(client.server["capabilities"]["extensions"][EXTENSION].is_null());
    let read = client.request("resources/read", json!({ "uri": PAGE })).await;
    assert_eq!(read["error"]["data"]["uri"], PAGE, "{read}");
    let refused = client.result("tools/call", json!({ "name": "create_ticket" })).await;
    assert_eq!(failure(&refused), "invalid_input");
}
