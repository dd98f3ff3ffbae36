//! Two replicas behind a plain proxy: one quota and one write, whichever of them is asked, and clients of both eras.

use futures::future::join_all;
use mcp_testkit::{HttpClient, Redis, Replicas, replicas::serve_both_eras_with_one_quota};
use serde_json::json;

use crate::stage::{Stage, command};

#[tokio::test]
async fn two_replicas_serve_both_eras_with_one_quota() {
    serve_both_eras_with_one_quota(&command()).await;
}

#[tokio::test]
async fn concurrent_duplicates_at_two_replicas_create_one_issue() {
    let (stage, redis) = (Stage::new().await, Redis::shared().database());
    let command = command().env("GITHUB_API_URL", stage.github.uri());
    let replicas = Replicas::start(&command.env("REDIS_URL", redis.url())).await;
    let client = HttpClient::new(replicas.url());
    let issue = json!({
        "owner": "octocat", "repo": "hello-world", "title": "Once", "idempotency_key": "k",
    });
    let create = async || {
        loop {
            let reply = client.call_tool("create_issue", issue.clone()).await;
            let answer = &reply.result()["structuredContent"];
            // A Redis that answers too late on a loaded machine protects nobody, so the write is refused.
            if answer["error"]["code"] != "unavailable" {
                return answer.clone();
            }
        }
    };
    let answers = join_all((0..8).map(|_| create())).await;
    assert!(answers.iter().all(|it| it["number"].is_u64() && *it == answers[0]), "{answers:?}");
    let asked = stage.requests().await;
    assert_eq!(asked.iter().filter(|it| it.method.as_str() == "POST").count(), 1);
}
