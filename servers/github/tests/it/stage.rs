//! A GitHub server with a GitHub of our own.

use std::path::PathBuf;

use mcp_testkit::{HttpClient, ServerCommand, ServerProcess};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path},
};

/// What stands under the repository that every test asks about.
pub(crate) const REPOSITORY: &str = "/repos/octocat/hello-world";

/// The binary with what every test sets; nobody is counted.
pub(crate) fn command() -> ServerCommand {
    ServerCommand::new(env!("CARGO_BIN_EXE_mcp-github"))
        .env("MCP_RATE_LIMIT", "off")
        .env("MCP_RATE_LIMIT_READ", "off")
        .env("MCP_RATE_LIMIT_WRITE", "off")
}

/// A running server and its GitHub.
pub(crate) struct Stage {
    pub(crate) github: MockServer,
    pub(crate) client: HttpClient,
    pub(crate) server: ServerProcess,
}

impl Stage {
    /// A server whose GitHub knows everything that was recorded.
    pub(crate) async fn new() -> Self {
        let stage = Self::with(&[]).await;
        stage.serve_recorded().await;
        stage
    }

    /// A server with settings of its own, whose GitHub knows nothing.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let github = MockServer::start().await;
        let command = command().env("GITHUB_API_URL", github.uri());
        let command =
            settings.iter().fold(command, |command, (name, value)| command.env(name, value));
        let server = command.http().await;
        let client = HttpClient::new(server.url());
        Self { github, client, server }
    }

    /// Answers everything that was recorded from here on.
    pub(crate) async fn serve_recorded(&self) {
        for (at, name) in recorded() {
            self.serve(&at, fixture(name)).await;
        }
        let diff = Mock::given(path(format!("{REPOSITORY}/pulls/1350")))
            .and(wiremock::matchers::header("accept", "application/vnd.github.diff"));
        diff.respond_with(ResponseTemplate::new(200).set_body_string(text("pull.diff")))
            .with_priority(1)
            .mount(&self.github)
            .await;
        let log = ResponseTemplate::new(200).set_body_string(text("job_log.txt"));
        self.serve(&format!("{REPOSITORY}/actions/jobs/4/logs"), log).await;
        for (at, name) in [
            (format!("{REPOSITORY}/issues"), "issue_created"),
            (format!("{REPOSITORY}/issues/1347/comments"), "comment_created"),
        ] {
            let created = ResponseTemplate::new(201).set_body_json(fixture(name));
            let post = Mock::given(method("POST")).and(path(at)).respond_with(created);
            post.mount(&self.github).await;
        }
    }

    /// Answers a GET of `path` from here on.
    pub(crate) async fn serve(&self, at: &str, answer: impl Into<Answer>) {
        let Answer(template) = answer.into();
        Mock::given(method("GET")).and(path(at)).respond_with(template).mount(&self.github).await;
    }

    /// As a client before 2026-07-28, whose arguments stand in no header.
    pub(crate) fn legacy(self) -> Self {
        Self { client: HttpClient::legacy(self.server.url()), ..self }
    }

    /// The whole result of a call.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.client.call_tool(tool, arguments).await.result().clone()
    }

    /// The structured content of a call that succeeds.
    pub(crate) async fn answer(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// The structured content and the text beside it.
    pub(crate) async fn text(&self, tool: &str, arguments: Value) -> (Value, String) {
        let result = self.call(tool, arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        let content = result["content"].as_array().unwrap();
        assert_eq!(content.len(), 4, "marker, JSON, text, marker");
        (result["structuredContent"].clone(), content[2]["text"].as_str().unwrap().to_owned())
    }

    /// The error of a call that fails. Nothing in it tells where GitHub is.
    pub(crate) async fn error(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{tool} {result}");
        assert!(!result.to_string().contains("127.0.0.1"), "{result}");
        result["structuredContent"]["error"].clone()
    }

    /// What GitHub has been asked.
    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.github.received_requests().await.unwrap()
    }

    /// Forgets what GitHub answers.
    pub(crate) async fn reset(&self) {
        self.github.reset().await;
    }

    /// What the server logs.
    pub(crate) fn log(&self) -> String {
        self.server.log().join("\n")
    }
}

/// What GitHub answers: a document, or anything else.
pub(crate) struct Answer(ResponseTemplate);

impl From<Value> for Answer {
    fn from(document: Value) -> Self {
        Self(ResponseTemplate::new(200).set_body_json(document))
    }
}

impl From<ResponseTemplate> for Answer {
    fn from(template: ResponseTemplate) -> Self {
        Self(template)
    }
}

/// A recorded text of `fixtures/github`.
pub(crate) fn text(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/github");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// A recorded document of `fixtures/github`.
pub(crate) fn fixture(name: &str) -> Value {
    serde_json::from_str(&text(&format!("{name}.json"))).unwrap()
}

/// Where each recorded document stands.
fn recorded() -> Vec<(String, &'static str)> {
    let commit = "commits/6dcb09b5b57875f334f61aebed695e2e4193db5e";
    let of_repository = [
        ("contents", "contents_directory"),
        ("contents/README.md", "contents_file"),
        ("contents/assets/logo.png", "contents_binary"),
        ("contents/vendored", "contents_submodule"),
        ("commits", "commits"),
        ("issues", "issues"),
        ("issues/1347", "issue"),
        ("issues/1347/comments", "comments"),
        ("pulls", "pulls"),
        ("pulls/1350", "pull"),
        ("pulls/1350/files", "pull_files"),
        ("pulls/1350/reviews", "reviews"),
        ("pulls/1350/comments", "review_comments"),
        ("collaborators/octocat/permission", "permission_write"),
        ("collaborators/stranger/permission", "permission_read"),
    ];
    let of_commit = [("check-runs", "check_runs"), ("status", "status")];
    let elsewhere = [
        ("/user", "user"),
        ("/users/octocat/repos", "repositories"),
        ("/search/code", "search_code"),
        ("/search/issues", "search_issues"),
    ];
    let of_repository = of_repository.map(|(at, name)| (format!("{REPOSITORY}/{at}"), name));
    let of_commit = of_commit.map(|(at, name)| (format!("{REPOSITORY}/{commit}/{at}"), name));
    let elsewhere = elsewhere.map(|(at, name)| (at.to_owned(), name));
    of_repository.into_iter().chain(of_commit).chain(elsewhere).collect()
}

/// A tool's arguments about the repository that every test asks about.
pub(crate) fn about(more: &Value) -> Value {
    let mut arguments = json!({ "owner": "octocat", "repo": "hello-world" });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    arguments
}

/// Each tool that reads, with arguments of which all but two ask GitHub once.
pub(crate) fn reads() -> Vec<(&'static str, Value)> {
    vec![
        ("get_me", json!({})),
        ("list_repositories", json!({ "username": "octocat" })),
        ("get_file_contents", about(&json!({ "path": "README.md" }))),
        ("search_code", json!({ "query": "hello" })),
        ("list_commits", about(&json!({}))),
        ("list_issues", about(&json!({}))),
        ("get_issue", about(&json!({ "number": 1347 }))),
        ("search_issues", json!({ "query": "bug" })),
        ("list_pull_requests", about(&json!({}))),
        ("get_pull_request", about(&json!({ "number": 1350 }))),
        ("get_job_logs", about(&json!({ "job_id": 4 }))),
    ]
}

/// Each part of a pull request.
pub(crate) fn parts() -> Vec<(&'static str, Value)> {
    let part = |part| ("get_pull_request", about(&json!({ "number": 1350, "part": part })));
    ["summary", "diff", "files", "reviews", "checks"].map(part).to_vec()
}

/// Each tool that writes.
pub(crate) fn writes() -> Vec<(&'static str, Value)> {
    vec![
        ("create_issue", about(&json!({ "title": "It does not greet", "body": "Steps follow." }))),
        ("add_issue_comment", about(&json!({ "number": 1347, "body": "Thanks" }))),
    ]
}
