//! What the server offers and answers, as it was reviewed.

use mcp_testkit::surface::lists_are_complete;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::stage::{REPOSITORY, Stage, about, command, fixture, parts, reads, writes};

fn check(name: &str, value: &Value) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(name, value));
}

/// A result without what differs from call to call. Of its content only the text beside the JSON is kept.
fn settled(mut result: Value) -> Value {
    result["_meta"]["io.github.mcp-chassis/request_id"] = "[id]".into();
    let content = result["content"].as_array().unwrap();
    result["content"] = match content.get(2).filter(|_| content.len() == 4) {
        Some(text) => json!(["[marker]", "[JSON]", text["text"], "[marker]"]),
        None => json!(["[marker]", "[JSON]", "[marker]"]),
    };
    result
}

async fn answer(name: &str, stage: &Stage, tool: &str, arguments: Value) {
    check(name, &settled(stage.call(tool, arguments).await));
}

#[tokio::test]
async fn the_surface() {
    let server = command().http().await;
    let client = mcp_testkit::HttpClient::new(server.url());
    check("tools", &client.list_tools().await.result()["tools"]);
    let list = async |method: &str| client.request(method, json!({})).send().await.result().clone();
    check("resources", &list("resources/templates/list").await["resourceTemplates"]);
    check("prompts", &list("prompts/list").await["prompts"]);
}

#[tokio::test]
async fn every_read() {
    let stage = Stage::new().await;
    for (tool, mut arguments) in reads() {
        if tool == "get_job_logs" {
            arguments["tail_lines"] = 3.into();
        }
        answer(tool, &stage, tool, arguments).await;
    }
}

#[tokio::test]
async fn every_part_of_a_pull_request() {
    let stage = Stage::new().await;
    for (tool, arguments) in parts() {
        let name = format!("{tool}_{}", arguments["part"].as_str().unwrap());
        answer(&name, &stage, tool, arguments).await;
    }
}

#[tokio::test]
async fn what_is_no_text_is_described() {
    let stage = Stage::new().await;
    for (name, path) in
        [("directory", ""), ("binary", "assets/logo.png"), ("submodule", "vendored")]
    {
        let name = format!("get_file_contents_{name}");
        answer(&name, &stage, "get_file_contents", about(&json!({ "path": path }))).await;
    }
}

#[tokio::test]
async fn every_write() {
    let stage = Stage::new().await;
    for (tool, arguments) in writes() {
        answer(tool, &stage, tool, arguments).await;
    }
}

#[tokio::test]
async fn what_is_withheld_is_counted() {
    let stage = Stage::with(&[("GITHUB_LOCKDOWN", "true")]).await;
    stage.serve_recorded().await;
    for (tool, arguments) in [
        ("list_issues", about(&json!({}))),
        ("get_issue", about(&json!({ "number": 1347 }))),
        ("search_issues", json!({ "query": "x" })),
        ("list_pull_requests", about(&json!({}))),
    ] {
        // Who wrote in a repository that GitHub says nothing about is not believed.
        answer(&format!("lockdown_{tool}"), &stage, tool, arguments).await;
    }
    let reviews = about(&json!({ "number": 1350, "part": "reviews" }));
    answer("lockdown_reviews", &stage, "get_pull_request", reviews).await;
}

#[tokio::test]
async fn failures_as_they_are_told() {
    let stage = Stage::with(&[("GITHUB_ALLOWED_REPOSITORIES", "octocat/*")]).await;
    let failure = async |name: &str, tool: &str, arguments: Value| {
        let mut error = stage.error(tool, arguments).await;
        error["request_id"] = "[id]".into();
        check(name, &error);
    };
    let issue = about(&json!({ "number": 1347 }));
    failure("error_forbidden", "list_issues", json!({ "owner": "secret", "repo": "plans" })).await;
    failure("error_invalid_input", "list_issues", json!({ "owner": "a/b", "repo": ".." })).await;
    let at = format!("{REPOSITORY}/issues/1347");
    let refused = |status, name| ResponseTemplate::new(status).set_body_json(fixture(name));
    for (name, template) in [
        ("error_not_found", refused(404, "error_not_found")),
        ("error_validation", refused(422, "error_validation")),
        ("error_secondary_limit", refused(403, "error_secondary_limit")),
        ("error_rate_limited", ResponseTemplate::new(429).insert_header("retry-after", "7")),
        ("error_upstream", ResponseTemplate::new(500)),
    ] {
        stage.reset().await;
        stage.serve(&at, template).await;
        failure(name, "get_issue", issue.clone()).await;
    }
}

#[tokio::test]
async fn the_review() {
    let stage = Stage::with(&[]).await;
    for (name, arguments) in [
        ("code_review", json!({ "language": "Rust" })),
        (
            "code_review_of_a_pull_request",
            json!({ "language": "Rust", "owner": "octocat", "repo": "hello-world", "pull_number": "1350" }),
        ),
    ] {
        let review = stage.client.get_prompt("code-review", arguments).await;
        check(name, &review.result()["messages"]);
    }
    assert!(stage.requests().await.is_empty());
}

#[tokio::test]
async fn whatever_is_listed_is_titled_pictured_signed_and_in_one_order() {
    lists_are_complete(&command()).await;
}
