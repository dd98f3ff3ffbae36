//! What a call tells its client and asks of it: progress of reads that take several pages, and the question before an issue is
//! opened.

use std::time::Duration;

use mcp_testkit::{HttpClient, http::Reply};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::stage::{REPOSITORY, Stage, about, fixture};

/// A GitHub whose every other answer about one pull request comes later, as pages do.
async fn slow(stage: &Stage) {
    let pull = format!("{REPOSITORY}/pulls/1350");
    for (at, name, millis) in [
        ("", "pull", 0),
        ("/files", "pull_files", 150),
        ("/reviews", "reviews", 0),
        ("/comments", "review_comments", 150),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(fixture(name));
        let answer = answer.set_delay(Duration::from_millis(millis));
        stage.serve(&format!("{pull}{at}"), answer).await;
    }
}

async fn read_part(client: &HttpClient, part: &str, meta: Value) -> Reply {
    let arguments = about(&json!({ "number": 1350, "part": part }));
    let params = json!({ "name": "get_pull_request", "arguments": arguments, "_meta": meta });
    client.request("tools/call", params).send().await
}

#[tokio::test]
async fn each_page_that_github_answers_is_told_to_clients_of_both_eras() {
    let stage = Stage::with(&[]).await;
    slow(&stage).await;
    let legacy = HttpClient::legacy(stage.server.url());
    for client in [&stage.client, &legacy] {
        for (part, pages) in [
            ("files", ["read the pull request", "read a page of files"]),
            ("reviews", ["read a page of reviews", "read a page of comments"]),
        ] {
            let reply = read_part(client, part, json!({ "progressToken": "p-1" })).await;
            let [notices @ .., answer] = reply.messages.as_slice() else { panic!("{reply:?}") };
            assert!(notices.iter().all(|it| it["method"] == "notifications/progress"));
            let told: Vec<_> = notices.iter().map(|it| it["params"].clone()).collect();
            let expected = [(1.0, pages[0]), (2.0, pages[1])].map(
                |(done, page)| json!({ "progressToken": "p-1", "progress": done, "message": page }),
            );
            assert_eq!(told, expected, "{part}: {}", reply.body);
            assert_ne!(answer["result"]["isError"], true, "{answer}");
        }
        // Who does not ask is told nothing.
        assert_eq!(read_part(client, "files", json!({})).await.messages.len(), 1);
    }
}

fn issue() -> Value {
    about(&json!({ "title": "It does not greet", "body": "Steps follow." }))
}

async fn posts(stage: &Stage) -> usize {
    stage.requests().await.iter().filter(|it| it.method.as_str() == "POST").count()
}

/// Opens an issue as a client of 2026-07-28 whose user can be asked.
async fn create(stage: &Stage, more: Value) -> Reply {
    let capabilities = json!({ "elicitation": {} });
    let mut params = json!({
        "name": "create_issue",
        "arguments": issue(),
        "_meta": { "io.modelcontextprotocol/clientCapabilities": capabilities },
    });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    stage.client.request("tools/call", params).send().await
}

fn answer(asked: &Reply, action: &str) -> Value {
    json!({
        "inputResponses": { "confirmation": { "action": action, "content": {} } },
        "requestState": asked.result()["requestState"],
    })
}

#[tokio::test]
async fn an_issue_is_opened_when_somebody_agrees_and_not_before() {
    let stage = Stage::new().await;
    let asked = create(&stage, json!({})).await;
    let question = &asked.result()["inputRequests"]["confirmation"];
    assert_eq!(question["method"], "elicitation/create", "{}", asked.body);
    let message = question["params"]["message"].as_str().unwrap();
    assert!(message.contains("octocat/hello-world"), "{message}");
    assert!(message.contains("It does not greet"), "{message}");
    for action in ["decline", "cancel"] {
        let refused = create(&stage, answer(&asked, action)).await;
        let error = &refused.result()["structuredContent"]["error"];
        assert_eq!(error["code"], "cancelled", "{}", refused.body);
    }
    assert_eq!(posts(&stage).await, 0, "nothing was done");
    let created = create(&stage, answer(&asked, "accept")).await;
    assert!(created.result()["structuredContent"]["number"].is_u64(), "{}", created.body);
    assert_eq!(posts(&stage).await, 1);
}

#[tokio::test]
async fn in_a_session_the_question_before_an_issue_is_a_request() {
    for (action, code, written) in [("decline", json!("cancelled"), 0), ("accept", Value::Null, 1)]
    {
        let stage = Stage::with(&[("MCP_SESSIONS", "local")]).await;
        stage.serve_recorded().await;
        let client = HttpClient::legacy(stage.server.url());
        let params = json!({
            "protocolVersion": "2025-11-25",
            "clientInfo": { "name": "asked", "version": "1" },
            "capabilities": { "elicitation": {} },
        });
        let initialized = client.request("initialize", params).send().await;
        let client = client.header("mcp-session-id", initialized.header("mcp-session-id"));
        let said = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        client.message(&said).send().await;

        let params = json!({ "name": "create_issue", "arguments": issue() });
        let mut stream = client.request("tools/call", params).open().await;
        let question = stream.next().await.expect("a question");
        assert_eq!(question["method"], "elicitation/create", "{question}");
        assert_eq!(posts(&stage).await, 0, "nothing was done");
        let result = json!({ "action": action, "content": {} });
        let said = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
        assert_eq!(client.message(&said).send().await.status, 202);
        let answered = stream.next().await.expect("an answer");
        assert_eq!(answered["result"]["structuredContent"]["error"]["code"], code, "{answered}");
        assert_eq!(posts(&stage).await, written, "{action}");
    }
}
