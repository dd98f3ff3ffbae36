//! Writes: once under a key, found again when the answer was lost, and uncertain rather than twice.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

use crate::stage::{REPOSITORY, Stage, about, fixture, writes};

/// A GitHub that remembers what was written. It fails in a way of its own after, or instead of, writing.
#[derive(Clone, Default)]
struct Memory {
    written: Arc<Mutex<Vec<Value>>>,
    posts: Arc<Mutex<Vec<Failing>>>,
}

/// How a post goes, in the order of posts; well when none is left.
#[derive(Clone, Copy, PartialEq)]
enum Failing {
    /// It is written, and the answer is lost.
    After,
    /// It is not written, and there is no answer.
    Before,
}

impl Respond for Memory {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let (method, path) = (request.method.as_str(), request.url.path());
        let comments = path.ends_with("/comments");
        match (method, path) {
            ("GET", "/user") => ResponseTemplate::new(200).set_body_json(fixture("user")),
            ("GET", _) => {
                ResponseTemplate::new(200).set_body_json(self.written.lock().unwrap().clone())
            }
            _ => {
                let mut posts = self.posts.lock().unwrap();
                let failing = if posts.is_empty() { None } else { Some(posts.remove(0)) };
                if failing == Some(Failing::Before) {
                    return ResponseTemplate::new(502);
                }
                let mut document =
                    fixture(if comments { "comment_created" } else { "issue_created" });
                let fields: Value = request.body_json().unwrap();
                document["body"] = fields["body"].clone();
                self.written.lock().unwrap().push(document.clone());
                match failing {
                    Some(_) => ResponseTemplate::new(502),
                    None => ResponseTemplate::new(201).set_body_json(document),
                }
            }
        }
    }
}

impl Memory {
    async fn behind(stage: &Stage, posts: &[Failing]) -> Self {
        let memory = Self { posts: Arc::new(Mutex::new(posts.to_vec())), ..Self::default() };
        Mock::given(any()).respond_with(memory.clone()).mount(&stage.github).await;
        memory
    }

    fn count(&self) -> usize {
        self.written.lock().unwrap().len()
    }
}

fn keyed(arguments: &Value, key: &str) -> Value {
    let mut arguments = arguments.clone();
    arguments["idempotency_key"] = key.into();
    arguments
}

async fn posts(github: &MockServer) -> usize {
    let requests = github.received_requests().await.unwrap();
    requests.iter().filter(|request| request.method.as_str() == "POST").count()
}

#[tokio::test]
async fn what_is_sent_is_what_was_asked() {
    let stage = Stage::new().await;
    let issue = about(&json!({
        "title": "A \"title\"", "body": "Text\nmore", "labels": ["bug", "good first issue"], "assignees": ["octocat"],
    }));
    stage.answer("create_issue", issue).await;
    stage.answer("add_issue_comment", about(&json!({ "number": 1347, "body": "x" }))).await;
    let requests = stage.requests().await;
    let sent: Value = requests[0].body_json().unwrap();
    assert_eq!(
        sent,
        json!({
            "title": "A \"title\"", "body": "Text\nmore", "labels": ["bug", "good first issue"], "assignees": ["octocat"],
        })
    );
    let sent: Value = requests[1].body_json().unwrap();
    assert_eq!((requests.len(), sent), (2, json!({ "body": "x" })));
}

#[tokio::test]
async fn a_write_under_a_key_happens_once() {
    for (tool, arguments) in writes() {
        let stage = Stage::with(&[]).await;
        let memory = Memory::behind(&stage, &[]).await;
        let call = keyed(&arguments, "k1");
        let first = stage.call(tool, call.clone()).await;
        let second = stage.call(tool, call.clone()).await;
        assert_eq!(first["structuredContent"], second["structuredContent"], "{tool}");
        assert_eq!(second["_meta"]["io.github.mcp-chassis/deduplicated"], true, "{tool}");
        assert_eq!((memory.count(), posts(&stage.github).await), (1, 1), "{tool}");
        assert!(!first.to_string().contains("mcp-github:"), "the mark is not shown: {first}");
        let mut other = call;
        other["body"] = "something else".into();
        assert_eq!(stage.error(tool, other).await["code"], "conflict", "{tool}");
        stage.answer(tool, keyed(&arguments, "k2")).await;
        assert_eq!(memory.count(), 2, "{tool}");
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_found_again() {
    for (tool, arguments) in writes() {
        let stage = Stage::with(&[]).await;
        let memory = Memory::behind(&stage, &[Failing::After]).await;
        stage.answer(tool, keyed(&arguments, "k1")).await;
        assert_eq!((memory.count(), posts(&stage.github).await), (1, 1), "{tool}");
    }
}

#[tokio::test]
async fn another_replica_finds_what_was_written_under_a_key() {
    for (tool, arguments) in writes() {
        let first = Stage::with(&[]).await;
        let memory = Memory::behind(&first, &[]).await;
        first.answer(tool, keyed(&arguments, "k1")).await;
        let second = Stage::with(&[("GITHUB_API_URL", &first.github.uri())]).await;
        second.answer(tool, keyed(&arguments, "k1")).await;
        assert_eq!(memory.count(), 1, "{tool}");
    }
}

#[tokio::test]
async fn a_write_that_is_not_found_is_uncertain_and_may_be_repeated_under_its_key() {
    for (tool, arguments) in writes() {
        let stage = Stage::with(&[]).await;
        let memory = Memory::behind(&stage, &[Failing::Before]).await;
        let error = stage.error(tool, keyed(&arguments, "k1")).await;
        let told = (&error["code"], &error["details"]["outcome"]);
        assert_eq!(told, (&json!("conflict"), &json!("uncertain")), "{tool}");
        assert_eq!(memory.count(), 0, "{tool}");
        stage.answer(tool, keyed(&arguments, "k1")).await;
        assert_eq!(memory.count(), 1, "{tool}");
    }
}

#[tokio::test]
async fn without_a_key_a_lost_answer_is_uncertain_and_nothing_is_marked() {
    for (tool, arguments) in writes() {
        let stage = Stage::with(&[]).await;
        let memory = Memory::behind(&stage, &[Failing::After]).await;
        let error = stage.error(tool, arguments.clone()).await;
        assert_eq!(error["details"]["outcome"], "uncertain", "{tool}");
        assert!(error["message"].as_str().unwrap().contains("look it up"), "{error}");
        assert_eq!((memory.count(), stage.requests().await.len()), (1, 1), "{tool}");
        assert_eq!(memory.written.lock().unwrap()[0]["body"], arguments["body"], "{tool}");
    }
}

#[tokio::test]
async fn a_mark_that_somebody_copied_is_not_taken_for_ours() {
    let (tool, arguments) = writes().remove(0);
    let stage = Stage::with(&[]).await;
    let memory = Memory::behind(&stage, &[]).await;
    stage.answer(tool, keyed(&arguments, "k1")).await;
    memory.written.lock().unwrap()[0]["user"]["login"] = "mallory".into();
    let replica = Stage::with(&[("GITHUB_API_URL", &stage.github.uri())]).await;
    replica.answer(tool, keyed(&arguments, "k1")).await;
    assert_eq!(memory.count(), 2);
}

#[tokio::test]
async fn what_github_refuses_may_be_mended_and_repeated_under_the_same_key() {
    let (tool, arguments) = writes().remove(0);
    let stage = Stage::with(&[]).await;
    stage.serve("/user", fixture("user")).await;
    stage.serve(&format!("{REPOSITORY}/issues"), json!([])).await;
    let refusal = ResponseTemplate::new(422).set_body_json(fixture("error_validation"));
    Mock::given(wiremock::matchers::method("POST"))
        .respond_with(refusal)
        .mount(&stage.github)
        .await;
    let error = stage.error(tool, keyed(&arguments, "k1")).await;
    assert_eq!(error["code"], "invalid_input");
    assert!(
        error["message"].as_str().unwrap().contains("Validation Failed (title missing_field)"),
        "{error}"
    );
    stage.reset().await;
    let memory = Memory::behind(&stage, &[]).await;
    stage.answer(tool, keyed(&arguments, "k1")).await;
    assert_eq!(memory.count(), 1);
}

#[tokio::test]
async fn a_server_that_only_reads_writes_nothing() {
    let stage = Stage::with(&[("MCP_READ_ONLY", "true")]).await;
    for (tool, arguments) in writes() {
        let reply = stage.client.call_tool(tool, arguments).await;
        assert!(reply.json()["error"].is_object(), "{}", reply.body);
    }
    assert!(stage.requests().await.is_empty());
}
