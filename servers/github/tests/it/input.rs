//! Bad input, tool by tool: refused with the argument named, its value not repeated, and GitHub not asked.

use mcp_testkit::{ServerCommand, surface::is_repeated_in_a_header};
use serde_json::{Value, json};

use crate::stage::{Stage, about, command, parts, reads, writes};

/// Each call is refused for `field`, and GitHub hears nothing of it.
async fn refused(tool: &str, cases: Vec<(&str, Value)>) {
    assert!(cases.len() >= 8, "{tool}");
    // No header has room for the longest of them.
    let stage = Stage::new().await.legacy();
    for (field, arguments) in cases {
        let error = stage.error(tool, arguments).await;
        let told: String = error.to_string().chars().take(400).collect();
        assert_eq!(error["code"], "invalid_input", "{told}");
        assert_eq!(error["details"]["fields"][0]["field"], field, "{told}");
        assert!(error.to_string().len() < 1_000, "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    assert!(stage.requests().await.is_empty());
}

/// A body may be a mebibyte at most, and so a text a little less.
fn long() -> Value {
    "a".repeat(1_000_000).into()
}

/// What is no name, of a repository or its owner.
fn no_names() -> Vec<Value> {
    let texts = [
        "",
        " ",
        ".",
        "..",
        "../hunter2",
        "a/b",
        "a%2fhunter2",
        "a%2Fb",
        "a?hunter2",
        "a#hunter2",
        "a\\b",
        "a..b",
        "a\u{0}b",
        "a\nb",
        "a\u{1b}[0m",
        "a\u{202e}b",
        "a\u{200b}b",
        "hunter2@x",
        "ä",
    ];
    let others = [long(), json!(7), json!(null), json!(["a"])];
    texts.iter().map(|text| json!(text)).chain(others).collect()
}

fn no_paths() -> Vec<Value> {
    let texts = [
        "..",
        "../hunter2",
        "a/../hunter2",
        "a//b",
        "./a",
        "a/.",
        "%2e%2e/a",
        "a%2f..%2fhunter2",
        "a?ref=hunter2",
        "a#b",
        "a\\..\\b",
        "a\u{0}",
        "a\nb",
        "a\u{202e}b",
    ];
    texts.iter().map(|text| json!(text)).chain([long(), json!(7)]).collect()
}

fn no_refs() -> Vec<Value> {
    let texts = [
        "",
        "..",
        "a..b",
        "../hunter2",
        "/a",
        "a/",
        "a%2f",
        "a?b",
        "a#b",
        "a b",
        "a\n",
        "a\u{0}",
        "HEAD~1",
        "a^{}",
    ];
    texts.iter().map(|text| json!(text)).chain([long(), json!(7)]).collect()
}

fn no_cursors() -> Vec<Value> {
    let forged = "A".repeat(28);
    let texts = ["", "x", "../hunter2", "AQAAAAAAAAAAAAAAAAAAAAAAAAAA", forged.as_str()];
    texts.iter().map(|text| json!(text)).chain([long(), json!(7)]).collect()
}

fn no_numbers() -> Vec<Value> {
    vec![
        json!(0),
        json!(-1),
        json!(1.5),
        json!("7"),
        json!("../hunter2"),
        json!(1_u64 << 60),
        json!(null),
    ]
}

fn no_limits() -> Vec<Value> {
    vec![json!(0), json!(101), json!(-1), json!("9"), json!(1.5)]
}

/// The arguments with each of `values` as `field`.
fn each(field: &'static str, values: Vec<Value>, rest: &Value) -> Vec<(&'static str, Value)> {
    let with = |value| {
        let mut arguments = rest.clone();
        arguments[field] = value;
        (field, arguments)
    };
    values.into_iter().map(with).collect()
}

/// The bad input of a tool about a repository, with `rest` as the other arguments.
fn about_repositories(rest: &Value) -> Vec<(&'static str, Value)> {
    let good = about(rest);
    let mut cases = each("owner", no_names(), &good);
    cases.extend(each("repo", no_names(), &good));
    cases.push(("repository", about(&json!({ "repository": "hunter2" }))));
    cases.retain(|(field, _)| *field != "repository" || rest.as_object().unwrap().is_empty());
    cases
}

#[tokio::test]
async fn get_me_refuses() {
    let names = ["user", "login", "token", "owner", "repo", "cursor", "limit", "x"];
    refused("get_me", names.map(|name| (name, json!({ name: "hunter2" }))).to_vec()).await;
}

#[tokio::test]
async fn list_repositories_refuses() {
    let good = json!({ "username": "octocat" });
    let mut cases = each("username", no_names(), &json!({}));
    cases.extend(each("type", vec![json!("hunter2"), json!(1), json!("OWNER")], &good));
    cases.extend(each("per_page", no_limits(), &good));
    cases.extend(each("cursor", no_cursors(), &good));
    refused("list_repositories", cases).await;
}

#[tokio::test]
async fn get_file_contents_refuses() {
    let good = about(&json!({ "path": "a" }));
    let mut cases = about_repositories(&json!({ "path": "a" }));
    cases.extend(each("path", no_paths(), &good));
    cases.extend(each("ref", no_refs(), &good));
    cases.extend(each("cursor", no_cursors(), &good));
    cases.push(("path", about(&json!({}))));
    refused("get_file_contents", cases).await;
}

#[tokio::test]
async fn search_code_refuses() {
    let good = json!({ "query": "hello" });
    let no_queries = vec![
        json!(""),
        json!(" "),
        json!("a\nb"),
        json!("a\u{0}"),
        json!("a\u{202e}"),
        long(),
        json!(7),
    ];
    let mut cases = each("query", no_queries, &json!({}));
    cases.extend(each("limit", no_limits(), &good));
    cases.extend(each("cursor", no_cursors(), &good));
    let names: Vec<_> = no_names().into_iter().filter(|name| !name.is_null()).collect();
    cases.extend(each("owner", names.clone(), &good));
    cases.extend(each("repo", names, &json!({ "query": "hello", "owner": "octocat" })));
    cases.push(("owner", json!({ "query": "hello", "repo": "hello-world" })));
    refused("search_code", cases).await;
}

#[tokio::test]
async fn list_commits_refuses() {
    let good = about(&json!({}));
    let mut cases = about_repositories(&json!({}));
    cases.extend(each("path", no_paths(), &good));
    cases.extend(each("ref", no_refs(), &good));
    cases.extend(each("limit", no_limits(), &good));
    cases.extend(each("cursor", no_cursors(), &good));
    refused("list_commits", cases).await;
}

#[tokio::test]
async fn list_issues_refuses() {
    let good = about(&json!({}));
    let mut cases = about_repositories(&json!({}));
    cases.extend(each("state", vec![json!("hunter2"), json!("OPEN"), json!(1)], &good));
    cases.push(("labels", about(&json!({ "labels": vec!["a"; 21] }))));
    for label in ["", "a,b", "a\nb", "a\u{0}"] {
        cases.push(("labels[0]", about(&json!({ "labels": [label] }))));
    }
    cases.push(("labels[0]", about(&json!({ "labels": [long()] }))));
    cases.extend(each("limit", no_limits(), &good));
    cases.extend(each("cursor", no_cursors(), &good));
    refused("list_issues", cases).await;
}

#[tokio::test]
async fn get_issue_refuses() {
    let good = about(&json!({ "number": 1 }));
    let mut cases = about_repositories(&json!({ "number": 1 }));
    cases.extend(each("number", no_numbers(), &good));
    cases.extend(each("cursor", no_cursors(), &good));
    refused("get_issue", cases).await;
}

#[tokio::test]
async fn search_issues_refuses() {
    let good = json!({ "query": "bug" });
    let no_queries = vec![
        json!(""),
        json!(" "),
        json!("a\nb"),
        json!("a\u{0}"),
        json!("a\u{202e}"),
        long(),
        json!(7),
    ];
    let mut cases = each("query", no_queries, &json!({}));
    cases.extend(each("limit", no_limits(), &good));
    cases.extend(each("cursor", no_cursors(), &good));
    refused("search_issues", cases).await;
}

#[tokio::test]
async fn list_pull_requests_refuses() {
    let good = about(&json!({}));
    let mut cases = about_repositories(&json!({}));
    cases.extend(each("state", vec![json!("merged"), json!(1)], &good));
    cases.extend(each("limit", no_limits(), &good));
    cases.extend(each("cursor", no_cursors(), &good));
    refused("list_pull_requests", cases).await;
}

#[tokio::test]
async fn get_pull_request_refuses() {
    let good = about(&json!({ "number": 1 }));
    let mut cases = about_repositories(&json!({ "number": 1 }));
    cases.extend(each("number", no_numbers(), &good));
    cases.extend(each("part", vec![json!("hunter2"), json!("../diff"), json!(1)], &good));
    for (_, arguments) in parts() {
        cases.extend(each("cursor", no_cursors(), &arguments));
    }
    refused("get_pull_request", cases).await;
}

#[tokio::test]
async fn get_job_logs_refuses() {
    let good = about(&json!({ "job_id": 1 }));
    let mut cases = about_repositories(&json!({ "job_id": 1 }));
    cases.extend(each("job_id", no_numbers(), &good));
    cases.extend(each("tail_lines", vec![json!(0), json!(-1), json!(100_001), json!("9")], &good));
    cases.extend(each("cursor", no_cursors(), &good));
    refused("get_job_logs", cases).await;
}

#[tokio::test]
async fn create_issue_refuses() {
    let good = about(&json!({ "title": "x" }));
    let mut cases = about_repositories(&json!({ "title": "x" }));
    let no_titles = vec![
        json!(""),
        json!(" "),
        json!("a\nb"),
        json!("a\u{0}"),
        json!("a".repeat(257)),
        long(),
        json!(7),
    ];
    cases.extend(each("title", no_titles, &good));
    cases.extend(each(
        "body",
        vec![json!(""), json!("a\u{1b}[0m"), json!("a\u{0}"), long(), json!(7)],
        &good,
    ));
    for (field, item) in
        [("labels", "a,b"), ("labels", ""), ("assignees", "../x"), ("assignees", "a b")]
    {
        let place = if field == "labels" { "labels[0]" } else { "assignees[0]" };
        cases.push((place, about(&json!({ "title": "x", field: [item] }))));
    }
    cases.push(("idempotency_key", about(&json!({ "title": "x", "idempotency_key": "a b" }))));
    refused("create_issue", cases).await;
}

#[tokio::test]
async fn add_issue_comment_refuses() {
    let good = about(&json!({ "number": 1, "body": "x" }));
    let mut cases = about_repositories(&json!({ "number": 1, "body": "x" }));
    cases.extend(each("number", no_numbers(), &good));
    cases.extend(each(
        "body",
        vec![json!(""), json!(" \n"), json!("a\u{1b}[0m"), json!("a\u{0}"), long(), json!(7)],
        &good,
    ));
    cases.push((
        "idempotency_key",
        about(&json!({ "number": 1, "body": "x", "idempotency_key": long() })),
    ));
    refused("add_issue_comment", cases).await;
}

#[tokio::test]
async fn the_resource_and_the_prompt_refuse() {
    let stage = Stage::new().await;
    for uri in [
        "repo://octocat/../contents/a",
        "repo://octocat/hello-world/contents/../a",
        "repo://octocat/hello-world/contents/%2e%2e/a",
        "repo://octocat/hello-world/contents/a%2f..%2fb",
        "repo://octocat/hello-world/contents/a%3Fref=x",
        "repo://octocat/hello-world/contents/a%23b",
        "repo://octocat/hello%2Fworld/contents/a",
        "repo://octocat/hello-world/contents/a%00",
        "repo://octocat/hello-world/contents/",
    ] {
        let reply = stage.client.read_resource(uri).await;
        assert!(reply.json()["error"].is_object(), "{uri} {}", reply.body);
    }
    for arguments in [
        json!({}),
        json!({ "language": "" }),
        json!({ "language": "Rust\nObey" }),
        json!({ "language": "Rust", "owner": "octocat" }),
        json!({ "language": "Rust", "repo": "x" }),
        json!({ "language": "Rust", "pull_number": "1" }),
        json!({ "language": "Rust", "owner": "a/b", "repo": "x" }),
        json!({ "language": "Rust", "owner": "a", "repo": "b", "pull_number": "../1" }),
    ] {
        let reply = stage.client.get_prompt("code-review", arguments.clone()).await;
        assert_eq!(reply.json()["error"]["code"], -32602, "{arguments}");
    }
    assert!(stage.requests().await.is_empty());
}

#[tokio::test]
async fn every_name_stays_in_its_place_in_the_address() {
    let stage = Stage::with(&[("GITHUB_TOKEN", "hunter2")]).await;
    let path = "docs/größe & co+x/a=b;c.md";
    stage.error("get_file_contents", about(&json!({ "path": path, "ref": "feature/ünï" }))).await;
    stage.error("search_code", json!({ "query": "a&b=c#d?" })).await;
    let requests = stage.requests().await;
    assert_eq!(
        requests[0].url.path(),
        "/repos/octocat/hello-world/contents/docs/gr%C3%B6%C3%9Fe%20%26%20co%2Bx/a%3Db%3Bc.md"
    );
    assert_eq!(
        requests[0].url.query_pairs().into_owned().collect::<Vec<_>>(),
        [("ref".into(), "feature/ünï".into())]
    );
    assert_eq!(requests[1].url.query_pairs().next().unwrap().1, "a&b=c#d?");
    let headers = &requests[0].headers;
    assert_eq!(headers["user-agent"], concat!("mcp-github/", env!("CARGO_PKG_VERSION")));
    assert_eq!(headers["authorization"], "Bearer hunter2");
    assert_eq!(headers["x-github-api-version"], "2022-11-28");
    assert_eq!(reads().len() + writes().len(), 13);
}

async fn config_problem(command: ServerCommand) -> String {
    let output = command.args(["config", "check"]).output().await;
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    for (variables, named) in [
        (vec![("GITHUB_API_URL", "ftp://hunter2")], "GITHUB_API_URL"),
        (vec![("GITHUB_ALLOWED_REPOSITORIES", "hunter2")], "GITHUB_ALLOWED_REPOSITORIES"),
        (vec![("GITHUB_ALLOWED_REPOSITORIES", "*")], "GITHUB_ALLOWED_REPOSITORIES"),
        (vec![("GITHUB_LOCKDOWN", "maybe")], "GITHUB_LOCKDOWN"),
        (vec![("GITHUB_APP_ID", "1")], "GITHUB_APP_PRIVATE_KEY"),
        (vec![("GITHUB_APP_ID", "x")], "GITHUB_APP_ID"),
        (vec![("GITHUB_TOKEN", "hunter2"), ("GITHUB_APP_ID", "1")], "GITHUB_TOKEN"),
        (vec![("GITHUB_TOKEN_FILE", "/no/such/file")], "GITHUB_TOKEN"),
    ] {
        let command =
            variables.iter().fold(command(), |command, (name, value)| command.env(name, value));
        let problem = config_problem(command).await;
        assert!(problem.contains(named) && !problem.contains("hunter2"), "{problem}");
    }
}

#[tokio::test]
async fn a_header_that_says_another_repository_than_the_body_is_refused() {
    let stage = Stage::new().await;
    let arguments = about(&json!({}));
    for routed in [("owner", "Owner"), ("repo", "Repo")] {
        is_repeated_in_a_header(&stage.server.url(), ("list_issues", &arguments), routed).await;
    }
}
