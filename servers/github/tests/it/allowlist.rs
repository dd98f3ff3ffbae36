//! The allowlist: no tool and no resource gets around it, and neither does GitHub's answer.

use mcp_testkit::until;
use serde_json::{Value, json};
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{method, path},
};

use crate::stage::{REPOSITORY, Stage, about, fixture, parts, reads, writes};

const LISTED: [(&str, &str); 1] =
    [("GITHUB_ALLOWED_REPOSITORIES", "octo-org/*, OctoCat/Hello-World")];

/// Every call that names a repository, about another one.
fn about_others(arguments: &Value) -> Vec<Value> {
    let with = |owner: &str, repo: &str| {
        let mut other = arguments.clone();
        (other["owner"], other["repo"]) = (owner.into(), repo.into());
        other
    };
    vec![
        with("secret", "plans"),
        with("octocat", "hello-worlds"),
        with("octocat", "hello"),
        with("octo-orgs", "x"),
        with("hello-world", "octocat"),
    ]
}

#[tokio::test]
async fn no_tool_asks_about_another_repository() {
    let stage = Stage::with(&LISTED).await;
    stage.serve_recorded().await;
    let calls = reads().into_iter().chain(parts()).chain(writes());
    for (tool, arguments) in calls.filter(|(_, arguments)| arguments["owner"].is_string()) {
        for other in about_others(&arguments) {
            let error = stage.error(tool, other).await;
            assert_eq!(error["code"], "forbidden", "{tool}");
            assert!(!error.to_string().contains("plans"), "{error}");
        }
    }
    for (tool, arguments) in [
        ("list_repositories", json!({ "username": "secret" })),
        ("search_code", json!({ "query": "x", "owner": "secret" })),
        ("search_code", json!({ "query": "x", "owner": "secret", "repo": "plans" })),
        ("search_code", json!({ "query": "x repo:secret/plans" })),
        ("search_code", json!({ "query": "x org:secret" })),
        ("search_issues", json!({ "query": "x repo:secret/plans" })),
        ("search_issues", json!({ "query": "x -repo:octocat/hello-world user:secret" })),
        ("search_issues", json!({ "query": "x (REPO:\"secret/plans\")" })),
    ] {
        assert_eq!(stage.error(tool, arguments.clone()).await["code"], "forbidden", "{arguments}");
    }
    let reply = stage.client.read_resource("repo://secret/plans/contents/README.md").await;
    assert_eq!(reply.json()["error"]["data"]["error"]["code"], "forbidden");
    let review =
        json!({ "language": "Rust", "owner": "secret", "repo": "plans", "pull_number": "1" });
    let reply = stage.client.get_prompt("code-review", review).await;
    assert_eq!(reply.json()["error"]["data"]["error"]["code"], "forbidden");
    assert!(stage.requests().await.is_empty());
}

#[tokio::test]
async fn what_is_listed_is_answered_whatever_its_case() {
    let stage = Stage::with(&LISTED).await;
    stage.serve_recorded().await;
    for (tool, arguments) in reads().into_iter().chain(parts()).chain(writes()) {
        stage.answer(tool, arguments).await;
    }
    let reply = stage.client.read_resource("repo://octocat/hello-world/contents/README.md").await;
    assert!(reply.result()["contents"][0]["text"].as_str().unwrap().starts_with("# Hello World\n"));
    let reply =
        stage.client.read_resource("repo://octocat/hello-world/contents/assets/logo.png").await;
    assert_eq!(reply.json()["error"]["data"]["error"]["code"], "invalid_input");
}

#[tokio::test]
async fn a_search_is_bound_to_the_list_and_what_it_finds_is_compared_with_it() {
    let stage = Stage::with(&LISTED).await;
    stage.serve_recorded().await;
    let found = stage.answer("search_code", json!({ "query": "hello" })).await;
    assert_eq!(found["matches"].as_array().unwrap().len(), 1);
    let found = stage.answer("search_issues", json!({ "query": "bug" })).await;
    assert_eq!(found["issues"].as_array().unwrap().len(), 2);
    assert!(!found.to_string().contains("secret"));
    let queries: Vec<_> = stage.requests().await;
    let query = |at: usize| queries[at].url.query_pairs().next().unwrap().1.into_owned();
    assert_eq!(query(0), "hello user:octo-org repo:octocat/hello-world");
    assert_eq!(query(1), "bug is:issue user:octo-org repo:octocat/hello-world");
    let listed = stage.answer("list_repositories", json!({ "username": "octocat" })).await;
    assert_eq!(listed["repositories"].as_array().unwrap().len(), 1);
    assert_eq!(listed["repositories"][0]["full_name"], "octocat/hello-world");
}

/// The code of a call about a repository that GitHub has moved to `now`.
async fn moved_to(now: &str) -> (Value, usize) {
    let stage = Stage::with(&LISTED).await;
    let here = format!("{}/repositories/99", stage.github.uri());
    let redirect = |to: String| ResponseTemplate::new(301).insert_header("location", to);
    for at in ["issues", "issues/1347", "issues/1347/comments", "pulls/1350"] {
        let moved = redirect(format!("{here}/{at}"));
        Mock::given(path(format!("{REPOSITORY}/{at}")))
            .respond_with(moved)
            .mount(&stage.github)
            .await;
    }
    stage.serve(REPOSITORY, redirect(here.clone())).await;
    let mut repository = fixture("repositories")[0].clone();
    repository["full_name"] = now.into();
    stage.serve("/repositories/99", repository).await;
    let mut errors = Vec::new();
    let (tool, arguments) = writes().remove(0);
    for (tool, arguments) in [
        ("list_issues", about(&json!({}))),
        ("get_issue", about(&json!({ "number": 1347 }))),
        ("get_pull_request", about(&json!({ "number": 1350, "part": "diff" }))),
        (tool, arguments),
    ] {
        errors.push(stage.error(tool, arguments).await);
    }
    let followed =
        |request: &wiremock::Request| request.url.path().starts_with("/repositories/99/");
    let followed = stage.requests().await.iter().filter(|request| followed(request)).count();
    let code = errors[0]["code"].clone();
    assert!(errors.iter().all(|error| error["code"] == code), "{errors:?}");
    (errors.remove(0), followed)
}

#[tokio::test]
async fn a_repository_that_moved_is_not_followed_past_the_list() {
    let (error, followed) = moved_to("secret/plans").await;
    assert_eq!((&error["code"], followed), (&json!("forbidden"), 0));
    assert!(!error.to_string().contains("secret"), "{error}");
    let (error, followed) = moved_to("octo-org/hello-world").await;
    assert_eq!((&error["code"], followed), (&json!("not_found"), 0));
    assert!(error["message"].as_str().unwrap().contains("`octo-org/hello-world`"), "{error}");
    let (error, followed) = moved_to("octocat/hello-world").await;
    assert_eq!((&error["code"], followed), (&json!("upstream_error"), 0));
}

#[tokio::test]
async fn listed_repositories_are_completed() {
    let stage = Stage::with(&LISTED).await;
    let complete = async |name: &str, typed: &str| {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": "repo://{owner}/{repo}/contents/{+path}" },
            "argument": { "name": name, "value": typed },
        });
        let reply = stage.client.request("completion/complete", params).send().await;
        reply.result()["completion"]["values"].clone()
    };
    assert_eq!(complete("owner", "OCTO").await, json!(["octo-org", "octocat"]));
    assert_eq!(complete("repo", "he").await, json!(["hello-world"]));
    assert_eq!(complete("path", "x").await, json!([]));
}

#[tokio::test]
async fn a_log_is_fetched_from_the_hosts_of_logs_alone_and_without_our_credential() {
    let stage = Stage::with(&[("GITHUB_TOKEN", "hunter2")]).await;
    let store = wiremock::MockServer::start().await;
    let log = ResponseTemplate::new(200).set_body_string("one\ntwo\n");
    Mock::given(method("GET")).respond_with(log).mount(&store).await;
    let at = format!("{REPOSITORY}/actions/jobs/4/logs");
    let redirect = |to: String| ResponseTemplate::new(302).insert_header("location", to);
    stage.serve(&at, redirect(format!("{}/log?sig=x", store.uri()))).await;
    let job = about(&json!({ "job_id": 4 }));
    assert_eq!(stage.text("get_job_logs", job.clone()).await.1, "one\ntwo\n");
    let asked = store.received_requests().await.unwrap();
    assert!(asked.iter().all(|request| !request.headers.contains_key("authorization")));
    assert_eq!(stage.requests().await[0].headers["authorization"], "Bearer hunter2");
    for elsewhere in [
        "http://169.254.169.254/latest/meta-data",
        "https://evil.example/log",
        "https://blob.core.windows.net.evil.example/log",
        "http://x.blob.core.windows.net/log",
        "file:///etc/passwd",
        "/relative",
    ] {
        stage.reset().await;
        stage.serve(&at, redirect(elsewhere.to_owned())).await;
        assert_eq!(
            stage.error("get_job_logs", job.clone()).await["code"],
            "upstream_error",
            "{elsewhere}"
        );
    }
}

#[tokio::test]
async fn the_list_follows_its_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let allow = |list: &str| {
        std::fs::write(file.path(), format!("github_allowed_repositories = {list:?}\n")).unwrap();
    };
    allow("octo-org/*");
    let stage = Stage::with(&[("MCP_CONFIG", file.path().to_str().unwrap())]).await;
    stage.serve_recorded().await;
    let issues = async || stage.call("list_issues", about(&json!({}))).await["isError"] == true;
    assert!(issues().await, "it is not on the list");
    allow("octo-org/*, octocat/hello-world");
    until("the list is longer", async || !issues().await).await;
    allow("octo-org/*");
    until("the list is short again", async || issues().await).await;
    // A list that is none would allow everything or nothing: the last good one stays.
    allow("octocat");
    until("it is told", async || stage.log().contains("the last good one stays")).await;
    assert!(issues().await);
}
