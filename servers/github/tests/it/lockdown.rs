//! Lockdown: what people without push access wrote is counted and not shown.

use serde_json::json;
use wiremock::{Mock, ResponseTemplate, matchers::path};

use crate::stage::{REPOSITORY, Stage, about, fixture};

const LOCKDOWN: [(&str, &str); 1] = [("GITHUB_LOCKDOWN", "true")];

async fn locked_down() -> Stage {
    let stage = Stage::with(&LOCKDOWN).await;
    stage.serve_recorded().await;
    stage
}

#[tokio::test]
async fn nothing_that_a_stranger_wrote_is_shown() {
    let stage = locked_down().await;
    for (tool, arguments, list, withheld) in [
        ("list_issues", about(&json!({})), "issues", 1),
        ("get_issue", about(&json!({ "number": 1347 })), "comments", 1),
        ("list_pull_requests", about(&json!({})), "pull_requests", 1),
        ("get_pull_request", about(&json!({ "number": 1350, "part": "reviews" })), "reviews", 1),
    ] {
        let result = stage.call(tool, arguments).await;
        let answer = &result["structuredContent"];
        assert_eq!(answer["withheld"], withheld, "{tool} {answer}");
        assert_eq!(answer[list].as_array().unwrap().len(), 1, "{tool} {answer}");
        let told = result.to_string();
        assert!(!told.contains("Ignore all") && !told.contains("stranger"), "{tool} {told}");
    }
    assert_eq!(stage.answer("get_me", json!({})).await["lockdown"], true);
}

#[tokio::test]
async fn what_a_stranger_opened_is_shown_without_their_words() {
    let stage = locked_down().await;
    let opened = |mut document: serde_json::Value| {
        document["user"]["login"] = "stranger".into();
        document
    };
    for (at, name) in [("issues/1347", "issue"), ("pulls/1350", "pull")] {
        let document = ResponseTemplate::new(200).set_body_json(opened(fixture(name)));
        let mock = Mock::given(path(format!("{REPOSITORY}/{at}"))).respond_with(document);
        mock.with_priority(1).mount(&stage.github).await;
    }
    let issue = stage.answer("get_issue", about(&json!({ "number": 1347 }))).await;
    assert_eq!((&issue["withheld"], &issue["title"]), (&json!(2), &json!(null)));
    assert!(issue["body"].is_null() && issue["labels"] == json!([]), "{issue}");
    let pull = stage.answer("get_pull_request", about(&json!({ "number": 1350 }))).await;
    assert_eq!((&pull["withheld"], &pull["pull_request"]["title"]), (&json!(1), &json!(null)));
    assert!(pull["body"].is_null() && pull["pull_request"]["head"].is_null(), "{pull}");
    for part in ["diff", "files"] {
        let arguments = about(&json!({ "number": 1350, "part": part }));
        assert_eq!(stage.error("get_pull_request", arguments).await["code"], "forbidden", "{part}");
    }
}

#[tokio::test]
async fn nobody_is_believed_whom_github_does_not_vouch_for() {
    for (template, code) in [
        (ResponseTemplate::new(403), Some("forbidden")),
        (ResponseTemplate::new(500), Some("upstream_error")),
        (ResponseTemplate::new(404), None),
        (ResponseTemplate::new(200).set_body_json(json!({ "permission": "triage" })), None),
        (ResponseTemplate::new(200).set_body_json(json!({ "permission": "none" })), None),
    ] {
        let stage = Stage::with(&LOCKDOWN).await;
        let at = format!("{REPOSITORY}/collaborators/octocat/permission");
        stage.serve(&at, template).await;
        stage.serve_recorded().await;
        if let Some(code) = code {
            assert_eq!(stage.error("list_issues", about(&json!({}))).await["code"], code);
            continue;
        }
        let answer = stage.answer("list_issues", about(&json!({}))).await;
        assert_eq!((&answer["withheld"], &answer["issues"]), (&json!(2), &json!([])));
    }
}

#[tokio::test]
async fn an_author_whose_account_is_gone_is_not_believed() {
    let stage = Stage::with(&LOCKDOWN).await;
    let mut issue = fixture("issue");
    issue["user"] = json!(null);
    stage.serve(&format!("{REPOSITORY}/issues"), json!([issue])).await;
    let answer = stage.answer("list_issues", about(&json!({}))).await;
    assert_eq!(answer["withheld"], 1);
}

#[tokio::test]
async fn github_is_asked_once_about_somebody() {
    let stage = locked_down().await;
    for _ in 0..3 {
        stage.answer("list_issues", about(&json!({}))).await;
    }
    let requests = stage.requests().await;
    let about_people = requests.iter().filter(|it| it.url.path().contains("/collaborators/"));
    assert_eq!(about_people.count(), 2);
}
