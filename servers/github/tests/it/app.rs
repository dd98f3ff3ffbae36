//! Who we are to GitHub: a token that is replaced, or an app whose tokens are issued, kept and renewed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::{TimeDelta, Utc};
use futures::future::join_all;
use serde_json::json;
use wiremock::{
    Mock, Request, ResponseTemplate,
    matchers::{method, path},
};

use crate::stage::{Stage, about, command, fixture};

const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/auth/rsa.pem");
const APP: [(&str, &str); 3] = [
    ("GITHUB_APP_ID", "1234"),
    ("GITHUB_APP_PRIVATE_KEY_FILE", KEY),
    ("GITHUB_APP_INSTALLATION_ID", "77"),
];

/// A GitHub that issues `token-1`, `token-2` … for `minutes`, and takes those that `good` likes.
async fn issuing(stage: &Stage, minutes: i64, good: fn(&str) -> bool) -> Arc<AtomicUsize> {
    let issued = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&issued);
    let issue = move |_: &Request| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut token = fixture("installation_token");
        token["token"] = format!("token-{number}").into();
        token["expires_at"] = json!(Utc::now() + TimeDelta::minutes(minutes));
        ResponseTemplate::new(201).set_body_json(token)
    };
    Mock::given(method("POST"))
        .and(path("/app/installations/77/access_tokens"))
        .respond_with(issue)
        .mount(&stage.github)
        .await;
    let answer = move |request: &Request| {
        let token = request.headers["authorization"].to_str().unwrap();
        match token.strip_prefix("Bearer ") {
            Some(token) if good(token) => {
                ResponseTemplate::new(200).set_body_json(fixture("issues"))
            }
            _ => ResponseTemplate::new(401),
        }
    };
    let at = path("/repos/octocat/hello-world/issues");
    Mock::given(method("GET")).and(at).respond_with(answer).mount(&stage.github).await;
    issued
}

#[tokio::test]
async fn an_app_gets_one_token_for_all_who_ask() {
    let stage = Stage::with(&APP).await;
    let issued = issuing(&stage, 60, |token| token == "token-1").await;
    join_all((0..20).map(|_| stage.answer("list_issues", about(&json!({}))))).await;
    assert_eq!(issued.load(Ordering::Relaxed), 1);
    let requests = stage.requests().await;
    let asked = requests.iter().find(|request| request.method.as_str() == "POST").unwrap();
    let proof = asked.headers["authorization"].to_str().unwrap();
    assert_eq!(proof.split('.').count(), 3, "a signed token");
    assert!(!stage.log().contains("token-1") && !stage.log().contains(proof), "{}", stage.log());
}

#[tokio::test]
async fn a_token_near_its_end_is_replaced() {
    let stage = Stage::with(&APP).await;
    let issued = issuing(&stage, 5, |_| true).await;
    for _ in 0..2 {
        stage.answer("list_issues", about(&json!({}))).await;
    }
    assert_eq!(issued.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let stage = Stage::with(&APP).await;
    let issued = issuing(&stage, 60, |token| token == "token-2").await;
    stage.answer("list_issues", about(&json!({}))).await;
    assert_eq!(issued.load(Ordering::Relaxed), 2);

    let stage = Stage::with(&APP).await;
    let issued = issuing(&stage, 60, |_| false).await;
    let error = stage.error("list_issues", about(&json!({}))).await;
    assert_eq!((&error["code"], issued.load(Ordering::Relaxed)), (&json!("upstream_error"), 2));
    assert!(!error.to_string().contains("token-"), "{error}");
}

#[tokio::test]
async fn an_app_that_gets_no_token_says_so() {
    let stage = Stage::with(&APP).await;
    let error = stage.error("list_issues", about(&json!({}))).await;
    assert_eq!(error["code"], "not_found");
    assert_eq!(stage.requests().await.len(), 1);
}

#[tokio::test]
async fn an_app_knows_its_own_name() {
    let stage = Stage::with(&APP).await;
    stage.serve("/app", fixture("app")).await;
    let me = stage.answer("get_me", json!({})).await;
    assert_eq!((&me["login"], &me["kind"]), (&json!("octo-helper[bot]"), &json!("App")));
}

#[tokio::test]
async fn a_key_that_is_none_stops_the_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2").unwrap();
    let output = command()
        .env("GITHUB_APP_ID", "1")
        .env("GITHUB_APP_INSTALLATION_ID", "2")
        .env("GITHUB_APP_PRIVATE_KEY_FILE", file.path())
        .args(["http", "--listen", "127.0.0.1:0"])
        .output()
        .await;
    let problem = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{problem}");
    assert!(
        problem.contains("GITHUB_APP_PRIVATE_KEY") && !problem.contains("hunter2"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_token_that_was_replaced_is_tried_once_more_while_github_does_not_know_the_new_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "old\n").unwrap();
    let stage = Stage::with(&[("GITHUB_TOKEN_FILE", file.path().to_str().unwrap())]).await;
    let known = Arc::new(std::sync::Mutex::new("Bearer old"));
    let theirs = Arc::clone(&known);
    let answer = move |request: &Request| match request.headers["authorization"].to_str().unwrap() {
        token if token == *theirs.lock().unwrap() => {
            ResponseTemplate::new(200).set_body_json(fixture("user"))
        }
        _ => ResponseTemplate::new(401),
    };
    Mock::given(path("/user")).respond_with(answer).mount(&stage.github).await;
    stage.answer("get_me", json!({})).await;
    std::fs::write(file.path(), "new\n").unwrap();
    // The file is read again after a second at the latest.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    stage.answer("get_me", json!({})).await;
    let tokens: Vec<_> = stage
        .requests()
        .await
        .iter()
        .map(|it| it.headers["authorization"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer old", "Bearer new", "Bearer old"]);
    *known.lock().unwrap() = "Bearer new";
    stage.answer("get_me", json!({})).await;
    assert_eq!(stage.requests().await.len(), 4);
}

#[tokio::test]
async fn a_new_key_of_an_app_signs_and_the_one_before_is_tried_where_github_refuses_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(KEY, file.path()).unwrap();
    let path_of_key = file.path().to_str().unwrap().to_owned();
    let mut app = APP;
    app[1].1 = &path_of_key;
    let stage = Stage::with(&app).await;
    // The signatures of one key differ from those of another, so the key shows in what GitHub is told.
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let account = move |_: &Request| match count.fetch_add(1, Ordering::Relaxed) {
        // The new key, at first.
        1 => ResponseTemplate::new(401),
        _ => ResponseTemplate::new(200).set_body_json(fixture("app")),
    };
    Mock::given(path("/app")).respond_with(account).mount(&stage.github).await;
    stage.answer("get_me", json!({})).await;
    std::fs::copy(KEY.replace("rsa.pem", "rsa-other.pem"), file.path()).unwrap();
    stage.answer("get_me", json!({})).await;
    assert_eq!(stage.requests().await.len(), 3, "new key, then the one before");
    stage.answer("get_me", json!({})).await;
    assert_eq!(stage.requests().await.len(), 4, "the new key is good by now");
    // What is no key leaves the last one.
    std::fs::write(file.path(), "-----BEGIN RSA").unwrap();
    stage.answer("get_me", json!({})).await;
    assert!(stage.log().contains("the last key stays in use"), "{}", stage.log());
}

/// What `doctor` tells of GitHub, with those variables and that answer of `path`.
async fn diagnosed(
    variables: &[(&str, &str)],
    at: &str,
    answer: ResponseTemplate,
) -> serde_json::Value {
    let github = wiremock::MockServer::start().await;
    Mock::given(path(at)).respond_with(answer).mount(&github).await;
    let command = command().env("GITHUB_API_URL", github.uri()).args(["doctor", "--json"]);
    let command = variables.iter().fold(command, |command, (name, value)| command.env(name, value));
    let output = command.output().await;
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!told.contains("hunter2"), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let findings = told["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["name"] == "github").unwrap().clone()
}

#[tokio::test]
async fn doctor_tells_what_our_credential_can_do() {
    let token = [("GITHUB_TOKEN", "hunter2")];
    let user = || ResponseTemplate::new(200).set_body_json(fixture("user"));
    assert_eq!(diagnosed(&token, "/user", user()).await["status"], "ok");
    let strong = user().insert_header("x-oauth-scopes", "repo, delete_repo");
    let told = diagnosed(&token, "/user", strong).await;
    assert_eq!(told["status"], "warn");
    assert!(told["detail"].as_str().unwrap().contains("delete_repo"), "{told}");
    let refused = diagnosed(&token, "/user", ResponseTemplate::new(401)).await;
    assert_eq!(refused["status"], "fail");
    assert_eq!(diagnosed(&[], "/user", user()).await["status"], "warn");
}
