//! Issues over a network that fails: GitHub knows no keys, so what was written is found again by its mark.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use mcp_testkit::{ChaosProxy, HttpClient, Redis, ServerCommand};
use serde_json::{Value, json};

use super::upstreams::{fixture, serve};
use super::writes::Written;
use super::{proxy, server, storm};

/// The issues of the one repository, oldest first.
type Issues = Arc<Mutex<Vec<Value>>>;

async fn list(State(issues): State<Issues>) -> Json<Vec<Value>> {
    Json(issues.lock().unwrap().iter().rev().take(100).cloned().collect())
}

async fn create(
    State(issues): State<Issues>,
    Json(draft): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut issue = fixture("github/issue_created.json");
    let mut issues = issues.lock().unwrap();
    for field in ["title", "body"] {
        issue[field] = draft[field].clone();
    }
    issue["number"] = json!(issues.len() + 1);
    issues.push(issue.clone());
    (StatusCode::CREATED, Json(issue))
}

/// A GitHub that keeps issues.
async fn github(issues: &Issues) -> String {
    let router = Router::new()
        .route("/user", get(async || Json(fixture("github/user.json"))))
        .route("/repos/octocat/hello-world/issues", get(list).post(create))
        .with_state(Arc::clone(issues));
    serve(router).await
}

fn command(api: &str) -> ServerCommand {
    server("mcp-github")
        .env("GITHUB_API_URL", api)
        .env("GITHUB_TOKEN", "token")
        .env("GITHUB_ALLOWED_REPOSITORIES", "octocat/hello-world")
}

/// Opens issues while `faulty` is; none that was acknowledged is missing, and none is there twice.
async fn open_issues(faulty: &ChaosProxy, command: &ServerCommand, issues: &Issues) {
    let server = command.http().await;
    let client = HttpClient::new(server.url());
    let written = Written::default();
    storm(faulty, (&server, &client), ("get_me", |_turn| json!({})), |worker| {
        written.by(
            worker,
            "create_issue",
            |title| json!({ "owner": "octocat", "repo": "hello-world", "title": title }),
        )
    })
    .await;
    let issues = issues.lock().unwrap();
    let titles: Vec<_> = issues.iter().map(|it| it["title"].as_str().unwrap().to_owned()).collect();
    written.is_what_stands_in(&titles);
}

#[tokio::test]
async fn issues_survive_a_network_that_fails_at_random() {
    let issues = Issues::default();
    let proxy = proxy(&github(&issues).await).await;
    open_issues(&proxy, &command(proxy.url()), &issues).await;
}

/// Redis records which writes were done: what is not known to be recorded is not written.
#[tokio::test]
async fn keyed_writes_survive_a_redis_behind_a_network_that_fails_at_random() {
    let issues = Issues::default();
    let redis = Redis::shared().database();
    let proxy = proxy(redis.url()).await;
    let command = command(&github(&issues).await).env("REDIS_URL", proxy.url());
    open_issues(&proxy, &command, &issues).await;
}
