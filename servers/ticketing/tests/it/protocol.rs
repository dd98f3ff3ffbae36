//! The protocol in every version and over both transports, through the SDK's own client and through raw messages.

use mcp_testkit::client::{Client as Sdk, connect_http, connect_stdio};
use mcp_testkit::wire::{VERSIONS, is_modern};
use mcp_testkit::{HttpClient, ServerProcess};
use reqwest::Method;
use rmcp::model::{
    CallToolRequestParams, GetPromptRequestParams, ProtocolVersion, ReadResourceRequestParams,
    ServerNotification, SubscriptionFilter,
};
use serde_json::{Value, json};

use crate::support::{Client, Keys, LEGACY, MODERN, Transport, command};

const REQUEST_ID: &str = "io.github.mcp-chassis/request_id";

/// A connected client; the process is there while it serves HTTP.
async fn connect(transport: Transport, version: ProtocolVersion) -> (Sdk, Option<ServerProcess>) {
    match transport {
        Transport::Http => {
            let process = command().http().await;
            let client = connect_http(&process.url(), version, None).await;
            (client.expect("the client connects"), Some(process))
        }
        Transport::Stdio => {
            let client = connect_stdio(&command(), version).await;
            (client.expect("the client connects"), None)
        }
    }
}

fn call(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    CallToolRequestParams::new(tool).with_arguments(arguments)
}

#[tokio::test]
async fn the_sdks_client_uses_everything_in_every_version_over_both_transports() {
    for transport in [Transport::Http, Transport::Stdio] {
        for version in VERSIONS {
            let (client, _process) = connect(transport, version.clone()).await;
            uses_everything(&client).await;
            client.cancel().await.expect("the client ends");
        }
    }
}

async fn uses_everything(client: &Sdk) {
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.len(), 6);
    assert!(tools.iter().all(|tool| tool.output_schema.is_some()), "{tools:?}");

    let created = call("create_ticket", json!({ "title": "Printer", "body": "It burns." }));
    let created = client.call_tool(created).await.unwrap();
    let ticket = created.structured_content.expect("structured content");
    assert_eq!((&ticket["id"], &ticket["version"]), (&json!("T-1"), &json!(1)));
    // One block is the JSON alone, for clients that read text.
    let texts = created.content.iter().filter_map(|block| block.as_text());
    let read: Vec<Value> = texts.filter_map(|it| serde_json::from_str(&it.text).ok()).collect();
    assert_eq!(read, [ticket]);

    let resources = client.list_all_resources().await.unwrap();
    let uris: Vec<_> = resources.iter().map(|resource| resource.uri.as_str()).collect();
    assert_eq!(uris, ["docs://api-reference", "ticket://T-1"]);
    assert_eq!(client.list_all_resource_templates().await.unwrap().len(), 2);
    let read = ReadResourceRequestParams::new("ticket://T-1");
    let read = client.read_resource(read).await.unwrap();
    assert!(serde_json::to_string(&read.contents).unwrap().contains("It burns."));

    assert_eq!(client.list_all_prompts().await.unwrap().len(), 1);
    let Value::Object(arguments) = json!({ "id": "T-1" }) else { unreachable!() };
    let prompt = GetPromptRequestParams::new("triage_ticket").with_arguments(arguments);
    assert_eq!(client.get_prompt(prompt).await.unwrap().messages.len(), 2);

    let ids = client.complete_resource_simple("ticket://{id}", "id", "T-").await.unwrap();
    assert_eq!(ids, ["T-1"]);
    let ids = client.complete_prompt_simple("triage_ticket", "id", "T-").await.unwrap();
    assert_eq!(ids, ["T-1"]);
}

#[tokio::test]
async fn an_older_initialize_is_answered_with_our_newest_legacy_version() {
    let process = command().http().await;
    let http = HttpClient::with_version(process.url(), LEGACY);
    let mut stdio = command().stdio();
    for (asked, answered) in [
        ("2024-11-05", "2025-11-25"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut params = mcp_testkit::wire::initialize_params(&LEGACY);
        params["protocolVersion"] = json!(asked);
        let reply = http.request("initialize", params.clone()).send().await;
        assert_eq!(reply.result()["protocolVersion"], answered, "{asked} over HTTP");
        if asked == "2024-11-05" {
            let request =
                json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
            stdio.send(&request).await;
            let reply = stdio.receive().await;
            assert_eq!(reply["result"]["protocolVersion"], answered, "{asked} on stdio");
        }
    }
}

#[tokio::test]
async fn a_listener_hears_of_the_tickets_it_watches_and_of_new_ones() {
    for transport in [Transport::Http, Transport::Stdio] {
        let (client, _process) = connect(transport, MODERN).await;
        for title in ["Watched", "Other"] {
            let created = call("create_ticket", json!({ "title": title, "body": "x" }));
            client.call_tool(created).await.unwrap();
        }
        let filter = SubscriptionFilter::builder()
            .resources_list_changed()
            .resource_subscription("ticket://T-1")
            .build();
        let mut listening = client.listen(filter.clone()).await.unwrap();
        assert_eq!(listening.acknowledged(), &filter);

        // The other ticket first: its notice would come first if it came.
        for id in ["T-2", "T-1"] {
            let changed = json!({ "id": id, "expected_version": 1, "priority": "low" });
            client.call_tool(call("update_ticket", changed)).await.unwrap();
        }
        let created = call("create_ticket", json!({ "title": "New", "body": "x" }));
        client.call_tool(created).await.unwrap();

        let notice = listening.next().await.unwrap().expect("a notice");
        let ServerNotification::ResourceUpdatedNotification(updated) = notice else {
            panic!("{transport:?}: not an update: {notice:?}")
        };
        assert_eq!(updated.params.uri, "ticket://T-1", "{transport:?}");
        let notice = listening.next().await.unwrap().expect("a notice");
        let is_list = matches!(notice, ServerNotification::ResourceListChangedNotification(_));
        assert!(is_list, "{transport:?}: {notice:?}");
        listening.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_listener_is_told_when_the_server_stops() {
    let (client, process) = connect(Transport::Http, MODERN).await;
    let filter = SubscriptionFilter::builder().resources_list_changed().build();
    let mut listening = client.listen(filter).await.unwrap();
    let mut process = process.expect("an HTTP server");
    assert_eq!(process.terminate().await.code(), Some(0));
    assert!(listening.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_legacy_client_of_stdio_subscribes_to_a_ticket() {
    let mut client = command().stdio();
    client.initialize(LEGACY).await;
    client.call_tool("create_ticket", json!({ "title": "Watched", "body": "x" })).await;
    let subscribed = client.request("resources/subscribe", json!({ "uri": "ticket://T-1" })).await;
    assert!(subscribed.get("result").is_some(), "{subscribed}");
    client.take_notifications();

    let change = json!({ "id": "T-1", "expected_version": 1, "priority": "low" });
    client.call_tool("update_ticket", change.clone()).await;
    let mut notices = client.take_notifications();
    if notices.is_empty() {
        notices.push(client.receive().await);
    }
    assert_eq!(notices[0]["method"], "notifications/resources/updated");
    assert_eq!(notices[0]["params"]["uri"], "ticket://T-1");

    client.request("resources/unsubscribe", json!({ "uri": "ticket://T-1" })).await;
    client.call_tool("add_comment", json!({ "id": "T-1", "body": "unheard" })).await;
    client.call_tool("create_ticket", json!({ "title": "Heard", "body": "x" })).await;
    let mut notices = client.take_notifications();
    if notices.is_empty() {
        notices.push(client.receive().await);
    }
    assert_eq!(notices[0]["method"], "notifications/resources/list_changed");
}

#[tokio::test]
async fn there_are_no_sessions_to_get_or_delete() {
    let process = command().http().await;
    for version in VERSIONS {
        let client = HttpClient::with_version(process.url(), version);
        for method in [Method::GET, Method::DELETE, Method::PUT, Method::PATCH] {
            let request = client.request("ping", Value::Null).method(method.clone());
            let reply = request.header("mcp-session-id", "made-up").send().await;
            assert_eq!(reply.status, 405, "{method}: {}", reply.body);
            assert_eq!(reply.json()["error"], "invalid_request");
        }
    }
}

/// Every request that has a result, with its parameters.
fn requests() -> [(&'static str, Value); 9] {
    let id = json!({ "ref": { "type": "ref/prompt", "name": "triage_ticket" },
        "argument": { "name": "id", "value": "" } });
    [
        ("tools/list", Value::Null),
        ("tools/call", json!({ "name": "get_ticket", "arguments": { "id": "T-1" } })),
        ("tools/call", json!({ "name": "get_ticket", "arguments": { "id": "T-9" } })),
        ("resources/list", Value::Null),
        ("resources/templates/list", Value::Null),
        ("resources/read", json!({ "uri": "ticket://T-1" })),
        ("prompts/list", Value::Null),
        ("prompts/get", json!({ "name": "triage_ticket", "arguments": { "id": "T-1" } })),
        ("completion/complete", id),
    ]
}

#[tokio::test]
async fn every_result_says_its_request_id_and_a_modern_one_who_answers() {
    for transport in [Transport::Http, Transport::Stdio] {
        for version in VERSIONS {
            let mut client = Client::start(&command(), transport, version.clone()).await;
            client.call("create_ticket", json!({ "title": "x", "body": "x" })).await;
            let discover = ("server/discover", Value::Null);
            let modern = is_modern(&version);
            for (method, params) in requests().into_iter().chain(modern.then_some(discover)) {
                let answer = client.request(method, params).await;
                let meta = &answer["result"]["_meta"];
                let place = format!("{transport:?} {version} {method}: {answer}");
                assert!(meta[REQUEST_ID].is_string(), "{place}");
                let server = &meta["io.modelcontextprotocol/serverInfo"]["name"];
                let expected = if modern { json!("mcp-ticketing") } else { Value::Null };
                assert_eq!(*server, expected, "{place}");
                assert_eq!(answer["result"].get("resultType").is_some(), modern, "{place}");
            }
        }
    }
}

#[tokio::test]
async fn every_response_carries_a_request_id_and_the_results_say_the_same_one() {
    let process = command().http().await;
    let client = HttpClient::new(process.url());
    let reply = client.list_tools().await;
    assert_eq!(reply.header("x-request-id"), reply.result()["_meta"][REQUEST_ID]);
    let refused = client.list_tools().await.header("x-request-id").to_owned();
    assert_ne!(reply.header("x-request-id"), refused, "an id is given once");

    let at = |path: &str| format!("http://{}{path}", process.address());
    for path in [
        "/live",
        "/ready",
        "/health",
        "/metrics",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/nowhere",
    ] {
        for method in [Method::GET, Method::POST] {
            let request = HttpClient::new(at(path)).request("ping", Value::Null);
            let reply = request.method(method.clone()).send().await;
            assert!(!reply.header("x-request-id").is_empty(), "{method} {path}: {}", reply.status);
            let refused = reply.status.is_client_error();
            assert_eq!(refused, reply.json()["error"] == "invalid_request", "{method} {path}");
        }
    }
    // What the client sends is not believed.
    let reply = client.request("ping", Value::Null).header("x-request-id", "forged").send().await;
    assert_ne!(reply.header("x-request-id"), "forged");
}

#[tokio::test]
async fn lists_have_the_same_order_every_time() {
    let mut orders = Vec::new();
    for transport in [Transport::Http, Transport::Stdio, Transport::Http] {
        let mut client = Client::start(&command(), transport, MODERN).await;
        let mut order = Vec::new();
        for (method, list, key) in [
            ("tools/list", "tools", "name"),
            ("prompts/list", "prompts", "name"),
            ("resources/templates/list", "resourceTemplates", "uriTemplate"),
        ] {
            let answer = client.request(method, Value::Null).await;
            let items = answer["result"][list].as_array().unwrap().iter();
            order.extend(items.map(|item| item[key].clone()));
        }
        orders.push(order);
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "{orders:?}");
}

#[tokio::test]
async fn the_list_of_tools_is_the_callers_own_and_kept_for_nobody_else() {
    let keys = Keys::new();
    let server = keys.command(&command()).http().await;
    for (key, may_read) in [(Keys::WRITE, false), (Keys::BOTH, true)] {
        let listed = HttpClient::new(server.url()).bearer(key).list_tools().await;
        let tools = listed.result()["tools"].as_array().unwrap();
        let has = |name: &str| tools.iter().any(|tool| tool["name"] == name);
        assert_eq!((has("close_ticket"), has("search_tickets")), (true, may_read), "{key}");
        assert_eq!(listed.result()["cacheScope"], "private");
    }
}

#[tokio::test]
async fn stdio_ends_with_its_input() {
    let mut client = command().stdio();
    client.list_tools().await;
    assert_eq!(client.close().await.code(), Some(0));
    // And without ever having been spoken to.
    assert_eq!(command().stdio().close().await.code(), Some(0));
}
