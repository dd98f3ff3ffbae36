//! `MCP_CONFIRM`: a person is asked before a ticket is closed, and what was answered counts for that alone, once.

use mcp_testkit::{HttpClient, Redis, ServerCommand, ServerProcess, http::Reply};
use serde_json::{Value, json};

use crate::support::{Keys, LEGACY, command, failure};

/// A server with three tickets, and what calls it for one principal.
struct Stage {
    server: ServerProcess,
    client: HttpClient,
}

impl Stage {
    async fn set(command: &ServerCommand) -> Self {
        let server = command.http().await;
        let client = HttpClient::new(server.url());
        let stage = Self { server, client };
        stage.open_tickets().await;
        stage
    }

    async fn open_tickets(&self) {
        for title in ["Printer", "Scanner", "Phone"] {
            let new = json!({ "title": title, "body": "It is broken" });
            let opened = self.client.call_tool("create_ticket", new).await;
            assert_eq!(failure(opened.result()), "", "{}", opened.body);
        }
    }

    /// Closes a ticket as a client whose user can be asked.
    async fn close(&self, id: &str, more: Value) -> Reply {
        close(&self.client, id, more).await
    }

    async fn status(&self, id: &str) -> String {
        let ticket = self.client.call_tool("get_ticket", json!({ "id": id })).await;
        ticket.result()["structuredContent"]["status"].as_str().unwrap().to_owned()
    }
}

async fn close(client: &HttpClient, id: &str, more: Value) -> Reply {
    let capabilities = json!({ "elicitation": {} });
    let mut params = json!({
        "name": "close_ticket",
        "arguments": { "id": id, "resolution": "Replaced it" },
        "_meta": { "io.modelcontextprotocol/clientCapabilities": capabilities },
    });
    let more = more.as_object().cloned().unwrap_or_default();
    params.as_object_mut().unwrap().extend(more);
    client.request("tools/call", params).send().await
}

/// The answer of somebody who was asked in `asked`.
fn answer(asked: &Reply, action: &str) -> Value {
    json!({
        "inputResponses": { "confirmation": { "action": action, "content": {} } },
        "requestState": asked.result()["requestState"],
    })
}

fn is_question(reply: &Reply) -> bool {
    reply.result()["resultType"] == "input_required"
}

#[tokio::test]
async fn closing_asks_first_and_is_done_when_somebody_agrees() {
    let stage = Stage::set(&command()).await;
    let asked = stage.close("T-1", json!({})).await;
    let question = &asked.result()["inputRequests"]["confirmation"];
    assert_eq!(question["method"], "elicitation/create", "{}", asked.body);
    let message = question["params"]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "Close ticket T-1 for good? It cannot be reopened. Resolution: Replaced it"
    );
    assert_eq!(stage.status("T-1").await, "open");

    let closed = stage.close("T-1", answer(&asked, "accept")).await;
    assert_eq!(closed.result()["structuredContent"]["status"], "closed", "{}", closed.body);
}

#[tokio::test]
async fn nothing_is_done_when_nobody_agrees() {
    let stage = Stage::set(&command()).await;
    for action in ["decline", "cancel"] {
        let asked = stage.close("T-1", json!({})).await;
        let refused = stage.close("T-1", answer(&asked, action)).await;
        assert_eq!(failure(refused.result()), "cancelled", "{}", refused.body);
    }
    assert_eq!(stage.status("T-1").await, "open");
}

#[tokio::test]
async fn an_answer_counts_for_the_call_that_it_was_asked_for_alone() {
    let keys = Keys::new();
    let server = keys.command(&command()).http().await;
    let client = HttpClient::new(server.url()).bearer(Keys::BOTH);
    let stage = Stage { server, client };
    stage.open_tickets().await;
    let asked = stage.close("T-1", json!({})).await;
    let agreed = answer(&asked, "accept");

    // Another ticket, another principal, a state that was changed.
    let elsewhere = stage.close("T-2", agreed.clone()).await;
    let other = HttpClient::new(stage.server.url()).bearer(Keys::WRITE);
    let mut forged = agreed.clone();
    forged["requestState"] = json!(format!("{}x", agreed["requestState"].as_str().unwrap()));
    for refused in [elsewhere, close(&other, "T-1", agreed).await, stage.close("T-1", forged).await]
    {
        assert_eq!(refused.json()["error"]["code"], -32602, "{}", refused.body);
    }
    // An answer to a question that was never put.
    let unasked = json!({ "inputResponses": { "confirmation": { "action": "accept" } } });
    assert!(is_question(&stage.close("T-1", unasked).await));
    for id in ["T-1", "T-2"] {
        assert_eq!(stage.status(id).await, "open");
    }
}

#[tokio::test]
async fn what_was_agreed_to_once_is_done_once() {
    let stage = Stage::set(&command()).await;
    let asked = stage.close("T-1", json!({})).await;
    let agreed = answer(&asked, "accept");
    let first = stage.close("T-1", agreed.clone()).await;
    let again = stage.close("T-1", agreed).await;
    let told =
        |reply: &Reply| reply.result()["_meta"]["io.github.mcp-chassis/deduplicated"].clone();
    assert_eq!((told(&first), told(&again)), (json!(false), json!(true)), "{}", again.body);
    let closed_at = |reply: &Reply| reply.result()["structuredContent"]["updated_at"].clone();
    assert_eq!(closed_at(&first), closed_at(&again));
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_goes_unasked_or_is_refused() {
    let stage = Stage::set(&command()).await;
    let close = json!({ "id": "T-1", "resolution": "Replaced it" });
    let unasked = stage.client.call_tool("close_ticket", close.clone()).await;
    assert_eq!(unasked.result()["structuredContent"]["status"], "closed", "{}", unasked.body);

    let stage = Stage::set(&command().env("MCP_CONFIRM", "required")).await;
    let refused = stage.client.call_tool("close_ticket", close.clone()).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (400, &json!(-32021)));
    let required = &refused.json()["error"]["data"]["requiredCapabilities"];
    assert!(required["elicitation"].is_object(), "{}", refused.body);
    let legacy = HttpClient::with_version(stage.server.url(), LEGACY);
    let refused = legacy.call_tool("close_ticket", close).await;
    assert_eq!(failure(refused.result()), "forbidden", "{}", refused.body);
    assert_eq!(stage.status("T-1").await, "open");
}

#[tokio::test]
async fn nobody_is_asked_where_the_deployment_says_never() {
    let stage = Stage::set(&command().env("MCP_CONFIRM", "never")).await;
    let closed = stage.close("T-1", json!({})).await;
    assert_eq!(closed.result()["structuredContent"]["status"], "closed", "{}", closed.body);
}

#[tokio::test]
async fn what_one_replica_asked_another_goes_on_with() {
    let redis = Redis::shared().database();
    let by_redis = command().env("REDIS_URL", redis.url());
    let by_key = command().env("MCP_STATE_KEY", "a-secret-of-more-than-thirty-two-characters");
    for command in [by_redis, by_key] {
        // Each has tickets of its own, of the same names.
        let (first, second) = (Stage::set(&command).await, Stage::set(&command).await);
        let asked = first.close("T-1", json!({})).await;
        let closed = second.close("T-1", answer(&asked, "accept")).await;
        assert_eq!(closed.result()["structuredContent"]["status"], "closed", "{}", closed.body);
    }
    // Without either, every process has a key of its own.
    let (first, second) = (Stage::set(&command()).await, Stage::set(&command()).await);
    let asked = first.close("T-1", json!({})).await;
    let refused = second.close("T-1", answer(&asked, "accept")).await;
    assert_eq!(refused.json()["error"]["code"], -32602, "{}", refused.body);
}

#[tokio::test]
async fn in_a_session_the_question_is_a_request_on_the_stream_of_the_call() {
    let stage = Stage::set(&command().env("MCP_SESSIONS", "local")).await;
    for (id, action, code) in [("T-1", "accept", ""), ("T-2", "decline", "cancelled")] {
        let client = HttpClient::with_version(stage.server.url(), LEGACY);
        let params = json!({
            "protocolVersion": LEGACY,
            "clientInfo": { "name": "asked", "version": "1" },
            "capabilities": { "elicitation": {} },
        });
        let initialized = client.request("initialize", params).send().await;
        let session = initialized.header("mcp-session-id").to_owned();
        let in_session =
            |message: &Value| client.message(message).header("mcp-session-id", &session);
        in_session(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .send()
            .await;

        let arguments = json!({ "id": id, "resolution": "Replaced it" });
        let call = json!({
            "jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": { "name": "close_ticket", "arguments": arguments },
        });
        let mut stream = in_session(&call).open().await;
        let question = stream.next().await.expect("a question");
        assert_eq!(question["method"], "elicitation/create", "{question}");
        let result = json!({ "action": action, "content": {} });
        let said = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
        assert_eq!(in_session(&said).send().await.status, 202);
        let answered = stream.next().await.expect("an answer");
        assert_eq!(failure(&answered["result"]), code, "{answered}");
    }
    assert_eq!(stage.status("T-1").await, "closed");
    assert_eq!(stage.status("T-2").await, "open");
}
