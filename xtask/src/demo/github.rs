//! A broken build on GitHub: what failed, what the log says, and an issue about it, opened once.

use anyhow::Result;
use serde_json::json;

use super::Script;
use super::conversation::Conversation;
use crate::recorded::{self, Documents};
use crate::sample::Environment;

pub(super) const SCRIPT: Script = Script {
    server: "github",
    scopes: "github:read github:write",
    environment: |_folder| environment(),
    readers_headers: &[("mcp-param-owner", "octocat"), ("mcp-param-repo", "hello-world")],
    steps: |conversation| Box::pin(steps(conversation)),
};

/// The documents of one repository, after their common folder.
macro_rules! recorded {
    ($($path:literal => $file:literal,)+) => {
        &[$(($path, include_str!(concat!("../../../fixtures/github/", $file)))),+]
    };
}

const GITHUB: Documents = recorded! {
    "/user" => "user.json",
    "/users/octocat/repos" => "repositories.json",
    "/search/code" => "search_code.json",
    "/search/issues" => "search_issues.json",
    "/repos/octocat/hello-world/contents" => "contents_directory.json",
    "/repos/octocat/hello-world/contents/README.md" => "contents_file.json",
    "/repos/octocat/hello-world/commits" => "commits.json",
    "/repos/octocat/hello-world/issues" => "issues.json",
    "/repos/octocat/hello-world/issues/1347" => "issue.json",
    "/repos/octocat/hello-world/issues/1347/comments" => "comments.json",
    "/repos/octocat/hello-world/issues/comments" => "comments.json",
    "/repos/octocat/hello-world/pulls" => "pulls.json",
    "/repos/octocat/hello-world/pulls/1350" => "pull.json",
    "/repos/octocat/hello-world/pulls/1350/files" => "pull_files.json",
    "/repos/octocat/hello-world/pulls/1350/reviews" => "reviews.json",
    "/repos/octocat/hello-world/pulls/1350/comments" => "review_comments.json",
    "/repos/octocat/hello-world/commits/6dcb09b5b57875f334f61aebed695e2e4193db5e/check-runs" => "check_runs.json",
    "/repos/octocat/hello-world/commits/6dcb09b5b57875f334f61aebed695e2e4193db5e/status" => "status.json",
    "/repos/octocat/hello-world/actions/jobs/4/logs" => "job_log.txt",
    "POST /repos/octocat/hello-world/issues" => "issue_created.json",
    "POST /repos/octocat/hello-world/issues/1347/comments" => "comment_created.json",
};

/// A GitHub of recorded answers, for one owner's repositories.
pub(crate) fn environment() -> Result<Environment> {
    Ok(vec![
        ("GITHUB_API_URL", recorded::serve(GITHUB)?),
        ("GITHUB_ALLOWED_REPOSITORIES", "octocat/*".to_owned()),
        ("MCP_AUDIT_READS", "true".to_owned()),
    ])
}

async fn steps(client: &mut Conversation) -> Result<()> {
    client.discover()?;
    client.list_tools(&["get_me", "get_file_contents", "get_pull_request", "create_issue"]).await?;
    let me = client.call("get_me", json!({}), &["/login", "/allowed_repositories"]).await?;
    me.expect("/allowed_repositories/0", "octocat/*")?;

    let about = |more: serde_json::Value| {
        let mut arguments = json!({ "owner": "octocat", "repo": "hello-world" });
        if let (Some(arguments), Some(more)) = (arguments.as_object_mut(), more.as_object()) {
            arguments.extend(more.clone());
        }
        arguments
    };
    let shown = ["/path", "/content", "/lines"];
    let file = client.call("get_file_contents", about(json!({ "path": "README.md" })), &shown);
    file.await?.expect("/lines/total", 9)?;

    let checks = about(json!({ "number": 1350, "part": "checks" }));
    let checks = client.call("get_pull_request", checks, &["/checks/0", "/statuses/0"]).await?;
    checks.expect("/checks/0/conclusion", "failure")?;
    let log = about(json!({ "job_id": 4, "tail_lines": 2 }));
    let log = client.call("get_job_logs", log, &["/job_id", "/lines"]).await?;
    log.expect("/lines/total", 302)?;

    let known = client.call("search_issues", json!({ "query": "greet" }), &["/issues/0/title"]);
    known.await?.expect("/issues/0/number", 1347)?;
    let issue = about(json!({
        "title": "It does not greet", "body": "Steps follow.", "idempotency_key": "broken-build-4",
    }));
    client.call_as_reader("create_issue", issue.clone(), "github:write").await?;
    for _attempt in 0..2 {
        let opened = client.call("create_issue", issue.clone(), &["/number", "/title", "/url"]);
        opened.await?.expect("/number", 1351)?;
    }
    let elsewhere = json!({ "owner": "secret", "repo": "plans" });
    client.call_fails("list_issues", elsewhere, "forbidden").await?;
    let review = json!({
        "language": "Rust", "owner": "octocat", "repo": "hello-world", "pull_number": "1350",
    });
    client.prompt("code-review", review, "maintainability").await
}
