//! Every tool before a GitHub that misbehaves: each way has its code, and nothing of it leaks.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wiremock::{Mock, Request, ResponseTemplate, matchers::any};

use crate::stage::{REPOSITORY, Stage, about, fixture, parts, reads, text, writes};

/// Answers whatever is asked with `template`; every tool that reads tells `code`.
async fn reads_tell(code: &str, template: ResponseTemplate) {
    let calls: Vec<_> = reads().into_iter().chain(parts()).collect();
    // Fewer calls than would open the breaker.
    for calls in calls.chunks(4) {
        let stage = Stage::with(&[("GITHUB_TOKEN", "hunter2-token")]).await;
        Mock::given(any()).respond_with(template.clone()).mount(&stage.github).await;
        for (tool, arguments) in calls {
            let error = stage.error(tool, arguments.clone()).await;
            assert_eq!(error["code"], code, "{tool} {error}");
            assert!(!error.to_string().contains("hunter2"), "{tool} {error}");
        }
        assert!(!stage.log().contains("hunter2"), "{}", stage.log());
    }
}

/// The same of every tool that writes, which asks once whatever happens.
async fn writes_tell(code: &str, template: ResponseTemplate) {
    let stage = Stage::with(&[("GITHUB_TOKEN", "hunter2-token")]).await;
    for (tool, arguments) in writes() {
        stage.reset().await;
        Mock::given(any()).respond_with(template.clone()).mount(&stage.github).await;
        let error = stage.error(tool, arguments).await;
        assert_eq!(error["code"], code, "{tool} {error}");
        assert!(!error.to_string().contains("hunter2"), "{tool} {error}");
        assert_eq!(stage.requests().await.len(), 1, "{tool}");
    }
}

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_string("hunter2")
}

#[tokio::test]
async fn refusals_have_their_codes() {
    for (code, template) in [
        ("upstream_error", status(401)),
        ("forbidden", status(403)),
        ("not_found", status(404)),
        ("not_found", status(410)),
        ("rate_limited", status(429)),
        (
            "rate_limited",
            ResponseTemplate::new(403).set_body_json(fixture("error_secondary_limit")),
        ),
        ("rate_limited", status(403).insert_header("x-ratelimit-remaining", "0")),
        ("invalid_input", ResponseTemplate::new(422).set_body_json(fixture("error_validation"))),
        ("conflict", ResponseTemplate::new(409)),
    ] {
        reads_tell(code, template.clone()).await;
        writes_tell(code, template).await;
    }
}

#[tokio::test]
async fn a_github_that_fails_is_an_upstream_error_and_a_write_is_uncertain() {
    reads_tell("upstream_error", status(500)).await;
    for template in [status(500), status(502), ResponseTemplate::new(201).set_body_string("<html>")]
    {
        writes_tell("conflict", template).await;
    }
}

#[tokio::test]
async fn bodies_that_are_none_are_upstream_errors() {
    let ok = || ResponseTemplate::new(200);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["<html>hunter2</html>".to_owned(), deep, "{\"hunter2\": 1}".to_owned()] {
        let stage = Stage::with(&[]).await;
        Mock::given(any()).respond_with(ok().set_body_string(body)).mount(&stage.github).await;
        // A diff and a log are any text.
        let any_text = |tool: &str, part: &str| tool == "get_job_logs" || part == "diff";
        for (tool, arguments) in reads().into_iter().chain(parts()) {
            if any_text(tool, arguments["part"].as_str().unwrap_or_default()) {
                continue;
            }
            let error = stage.error(tool, arguments).await;
            assert_eq!(error["code"], "upstream_error", "{tool} {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let body = "x".repeat((16 << 20) + 1);
    reads_tell("upstream_error", ResponseTemplate::new(200).set_body_string(body)).await;
}

#[tokio::test]
async fn a_redirect_leads_nowhere_else() {
    let elsewhere = |status: u16| {
        ResponseTemplate::new(status).insert_header("location", "http://169.254.169.254/hunter2")
    };
    for status in [301, 302, 307] {
        reads_tell("upstream_error", elsewhere(status)).await;
    }
}

#[tokio::test]
async fn the_wait_of_a_limit_is_the_real_one() {
    let stage = Stage::with(&[]).await;
    let reset = std::time::SystemTime::now() + Duration::from_secs(100);
    let reset = reset.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
    let used_up = ResponseTemplate::new(403)
        .insert_header("x-ratelimit-remaining", "0")
        .insert_header("x-ratelimit-reset", reset.as_str());
    stage.serve("/user", used_up).await;
    let error = stage.error("get_me", json!({})).await;
    let wait = error["retry_after_ms"].as_u64().unwrap();
    assert!((90_000..=101_000).contains(&wait), "{error}");
}

#[tokio::test]
async fn a_slow_github_is_a_timeout_while_the_caller_still_listens() {
    let stage = Stage::with(&[("MCP_DEADLINE", "1s")]).await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    Mock::given(any()).respond_with(slow).mount(&stage.github).await;
    // Fewer calls than would open the breaker.
    for (tool, arguments) in reads().into_iter().skip(3).take(6) {
        let begun = Instant::now();
        assert_eq!(stage.error(tool, arguments).await["code"], "timeout", "{tool}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{tool}");
    }
}

/// A server that writes `reply` to whoever asks, and hangs up.
async fn hanging_up(reply: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(reply).await.unwrap();
        }
    });
    base
}

#[tokio::test]
async fn lost_connections_are_told_apart_from_answers_that_break_off() {
    let gone = "http://127.0.0.1:1".to_owned();
    let cut_off = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"login\": ";
    for (base, code) in [
        (gone, "unavailable"),
        (hanging_up(b"").await, "unavailable"),
        (hanging_up(cut_off).await, "upstream_error"),
    ] {
        let stage = Stage::with(&[("GITHUB_API_URL", &base)]).await;
        // Fewer than would open the breaker.
        for (tool, arguments) in reads().into_iter().take(5) {
            assert_eq!(stage.error(tool, arguments).await["code"], code, "{tool}");
        }
        for (tool, arguments) in writes() {
            let error = stage.error(tool, arguments).await;
            assert_eq!(
                (&error["code"], &error["details"]["outcome"]),
                (&json!("conflict"), &json!("uncertain"))
            );
        }
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again_and_still_has_a_next_page() {
    let stage = Stage::with(&[]).await;
    let known =
        |request: &Request| request.headers.get("if-none-match").is_some_and(|it| it == "\"v1\"");
    let answer = move |request: &Request| {
        if known(request) {
            return ResponseTemplate::new(304);
        }
        let link = "<https://api.github.com/x?page=2>; rel=\"next\"";
        let headers =
            ResponseTemplate::new(200).insert_header("etag", "\"v1\"").insert_header("link", link);
        match request.headers["accept"].to_str().unwrap() {
            "application/vnd.github.diff" => headers.set_body_string(text("pull.diff")),
            _ => headers.set_body_json(fixture(match request.url.path() {
                "/repos/octocat/hello-world/issues" => "issues",
                _ => "pull",
            })),
        }
    };
    Mock::given(any()).respond_with(answer).mount(&stage.github).await;
    let pull = |part| ("get_pull_request", about(&json!({ "number": 1350, "part": part })));
    for (tool, arguments) in [("list_issues", about(&json!({}))), pull("summary"), pull("diff")] {
        let first = stage.answer(tool, arguments.clone()).await;
        let second = stage.answer(tool, arguments).await;
        assert_eq!(second, first, "{tool}");
        assert_eq!(first["truncated"], tool == "list_issues");
    }
    let requests = stage.requests().await;
    assert_eq!(requests.iter().filter(|request| known(request)).count(), 3);
}

#[tokio::test]
async fn parts_that_fail_are_told_beside_those_that_do_not() {
    for (broken, tool, arguments, part, there) in [
        ("issues/1347/comments", "get_issue", json!({ "number": 1347 }), "comments", "title"),
        (
            "pulls/1350/comments",
            "get_pull_request",
            json!({ "number": 1350, "part": "reviews" }),
            "comments",
            "reviews",
        ),
        (
            "pulls/1350/reviews",
            "get_pull_request",
            json!({ "number": 1350, "part": "reviews" }),
            "reviews",
            "comments",
        ),
        (
            "pulls/1350/files",
            "get_pull_request",
            json!({ "number": 1350, "part": "files" }),
            "files",
            "pull_request",
        ),
        (
            "commits/6dcb09b5b57875f334f61aebed695e2e4193db5e/status",
            "get_pull_request",
            json!({ "number": 1350, "part": "checks" }),
            "statuses",
            "checks",
        ),
    ] {
        let stage = Stage::new().await;
        let at = wiremock::matchers::path(format!("{REPOSITORY}/{broken}"));
        let fails = Mock::given(at).respond_with(ResponseTemplate::new(503)).with_priority(1);
        fails.mount(&stage.github).await;
        let answer = stage.answer(tool, about(&arguments)).await;
        assert_eq!(
            (&answer["partial"], &answer["failures"][0]["part"]),
            (&json!(true), &json!(part))
        );
        assert_eq!(answer["failures"][0]["code"], "upstream_error");
        assert!(!answer[there].is_null(), "{answer}");
    }
}

#[tokio::test]
async fn text_that_reads_like_an_instruction_is_flagged_and_made_harmless() {
    let stage = Stage::new().await;
    let result = stage.call("get_issue", about(&json!({ "number": 1347 }))).await;
    let provenance = &result["_meta"]["io.github.mcp-chassis/provenance"];
    assert_eq!(provenance["trust"], "untrusted");
    assert_eq!(provenance["sources"], json!(["github:octocat/hello-world#1347"]));
    assert!(!provenance["findings"].as_array().unwrap().is_empty(), "{provenance}");
    let told = result.to_string();
    assert!(told.contains("Ignore all previous") && !told.contains("<|im_start|>"), "{told}");
    let marker = result["content"][0]["text"].as_str().unwrap();
    assert!(marker.contains("from github:octocat/hello-world#1347"), "{marker}");
}
