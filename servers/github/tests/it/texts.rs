//! Files, diffs and logs: as they are, in parts of whole lines, cleaned as a whole.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{header, path},
};

use crate::stage::{REPOSITORY, Stage, about, fixture, text};

/// A file of that content, as GitHub describes it.
fn file(content: &str) -> Value {
    let mut file = fixture("contents_file");
    file["content"] = BASE64.encode(content).into();
    file["size"] = content.len().into();
    file
}

/// Walks a text to its end.
async fn walked(stage: &Stage, tool: &str, mut arguments: Value) -> (String, usize) {
    let (mut whole, mut calls) = (String::new(), 0);
    loop {
        let (told, part) = stage.text(tool, arguments.clone()).await;
        calls += 1;
        let first = whole.lines().count() + 1;
        if whole.is_empty() || whole.ends_with('\n') {
            assert_eq!(told["lines"]["first"], first, "{told}");
        }
        whole.push_str(&part);
        match told["next_cursor"].as_str() {
            Some(next) => arguments["cursor"] = next.into(),
            None => return (whole, calls),
        }
        assert!(calls < 200);
    }
}

#[tokio::test]
async fn a_text_is_not_escaped_and_not_in_the_json() {
    let stage = Stage::new().await;
    let (told, shown) =
        stage.text("get_file_contents", about(&json!({ "path": "README.md" }))).await;
    assert!(
        shown.starts_with("# Hello World\n\nSay hello:\n")
            && shown.contains("println!(\"hello\");\n")
    );
    assert!(!told.to_string().contains("println"));
    let (_, shown) =
        stage.text("get_pull_request", about(&json!({ "number": 1350, "part": "diff" }))).await;
    assert_eq!(shown, text("pull.diff"));
}

#[tokio::test]
async fn a_long_file_is_read_to_its_end() {
    let stage = Stage::with(&[]).await;
    let line = |line| format!("{line}: the \"quick\" brown fox\n");
    let content = (1..=9_000).map(line).collect::<Vec<_>>().concat();
    stage.serve(&format!("{REPOSITORY}/contents/long"), file(&content)).await;
    let (whole, calls) =
        walked(&stage, "get_file_contents", about(&json!({ "path": "long" }))).await;
    assert_eq!(whole, content);
    assert!(calls > 2, "{calls}");
}

#[tokio::test]
async fn a_file_above_a_megabyte_is_fetched_as_it_is() {
    let stage = Stage::with(&[]).await;
    let at = format!("{REPOSITORY}/contents/big.txt");
    let raw = "0123456789abcde\n".repeat(93_750);
    let as_it_is =
        Mock::given(path(at.as_str())).and(header("accept", "application/vnd.github.raw+json"));
    as_it_is
        .respond_with(ResponseTemplate::new(200).set_body_string(raw))
        .with_priority(1)
        .mount(&stage.github)
        .await;
    stage.serve(&at, fixture("contents_large")).await;
    let (told, shown) = stage.text("get_file_contents", about(&json!({ "path": "big.txt" }))).await;
    assert_eq!((&told["lines"]["total"], &told["truncated"]), (&json!(93_750), &json!(true)));
    assert!(shown.len() > 60_000 && shown.len() < 80_000, "{}", shown.len());

    let mut larger = fixture("contents_large");
    larger["size"] = (17 << 20).into();
    stage.reset().await;
    stage.serve(&at, larger).await;
    let told = stage.answer("get_file_contents", about(&json!({ "path": "big.txt" }))).await;
    assert_eq!((&told["content"], stage.requests().await.len()), (&json!("too_large"), 1));
}

#[tokio::test]
async fn a_secret_is_not_shown_by_standing_on_two_pages() {
    let stage = Stage::with(&[]).await;
    let line = "fn main() {} // padding that fills the page\n";
    let key: String = (0..800)
        .map(|_| "MIIEowIBAAKCAQEAhunter2hunter2hunter2hunter2hunter2hunter2abcd12\n")
        .collect();
    // The page ends within the key.
    let content = format!(
        "{}-----BEGIN RSA PRIVATE KEY-----\n{key}-----END RSA PRIVATE KEY-----\nafter\n",
        line.repeat(1_200)
    );
    stage.serve(&format!("{REPOSITORY}/contents/key"), file(&content)).await;
    let (whole, _) = walked(&stage, "get_file_contents", about(&json!({ "path": "key" }))).await;
    assert!(!whole.contains("hunter2") && whole.contains("[redacted"), "{}", whole.len());
    assert!(whole.ends_with("after\n"));
}

#[tokio::test]
async fn a_line_that_is_longer_than_a_page_goes_on_in_the_next() {
    let stage = Stage::with(&[]).await;
    let content = format!("short\n{}\nend\n", "wört ".repeat(40_000));
    stage.serve(&format!("{REPOSITORY}/contents/min.js"), file(&content)).await;
    let (whole, calls) =
        walked(&stage, "get_file_contents", about(&json!({ "path": "min.js" }))).await;
    assert_eq!(whole, content);
    assert!(calls > 2);
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_not_gone_on_with() {
    let stage = Stage::with(&[]).await;
    let at = format!("{REPOSITORY}/contents/long");
    stage.serve(&at, file(&"old line\n".repeat(20_000))).await;
    let arguments = about(&json!({ "path": "long" }));
    let (told, _) = stage.text("get_file_contents", arguments.clone()).await;
    stage.reset().await;
    stage.serve(&at, file(&"new line\n".repeat(20_000))).await;
    let mut next = arguments;
    next["cursor"] = told["next_cursor"].clone();
    assert_eq!(stage.error("get_file_contents", next).await["code"], "conflict");
}

#[tokio::test]
async fn a_log_is_shown_from_its_end_and_in_plain() {
    let stage = Stage::new().await;
    let (told, shown) =
        stage.text("get_job_logs", about(&json!({ "job_id": 4, "tail_lines": 2 }))).await;
    assert_eq!(told["lines"], json!({ "first": 301, "last": 302, "total": 302 }));
    assert!(shown.contains("Z test greets ... FAILED\n") && !shown.contains('\u{1b}'), "{shown}");
    let (told, _) = stage.text("get_job_logs", about(&json!({ "job_id": 4 }))).await;
    assert_eq!(told["lines"]["first"], 103);
    let whole = about(&json!({ "job_id": 4, "tail_lines": 100_000 }));
    assert_eq!(walked(&stage, "get_job_logs", whole).await.0.lines().count(), 302);
}

#[tokio::test]
async fn a_folder_a_link_and_something_else_have_no_text() {
    let stage = Stage::new().await;
    for path in ["", "assets/logo.png", "vendored"] {
        let result = stage.call("get_file_contents", about(&json!({ "path": path }))).await;
        assert_eq!(result["content"].as_array().unwrap().len(), 3, "{path}");
    }
}
