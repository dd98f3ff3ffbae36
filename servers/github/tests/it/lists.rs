//! Lists, page by page: every item once, in the order of GitHub, whatever the size of a part.

use serde_json::{Value, json};
use wiremock::{Mock, Request, ResponseTemplate, matchers::any};

use crate::stage::{Stage, about, fixture};

/// A GitHub with so many of an item, in numbered pages; `wrap` makes a page of them.
async fn numbered(
    stage: &Stage,
    item: Value,
    field: &'static str,
    count: u64,
    wrap: fn(Vec<Value>) -> Value,
) {
    let page_of = move |request: &Request| {
        let query = |name: &str| {
            let mut pairs = request.url.query_pairs();
            let (_, value) = pairs.find(|(it, _)| it == name).unwrap();
            value.parse::<u64>().unwrap()
        };
        let (size, page) = (query("per_page"), query("page"));
        let nth = |number| {
            let mut item = item.clone();
            item[field] = name(field, number);
            item
        };
        let items = (1 + (page - 1) * size..=(page * size).min(count)).map(nth).collect();
        let links = if page * size < count {
            "<https://x/?page=9>; rel=\"next\", <https://x/?page=1>; rel=\"first\""
        } else {
            "<https://x/?page=1>; rel=\"prev\""
        };
        ResponseTemplate::new(200).insert_header("link", links).set_body_json(wrap(items))
    };
    Mock::given(any()).respond_with(page_of).mount(&stage.github).await;
}

/// What the item of that number has in `field`.
fn name(field: &str, number: u64) -> Value {
    match field {
        "number" | "id" => json!(number),
        "full_name" => json!(format!("octocat/n{number:04}")),
        _ => json!(format!("n{number:04}")),
    }
}

/// Walks a list to its end, and says what stands in `field` of each item.
async fn walked(
    stage: &Stage,
    tool: &str,
    mut arguments: Value,
    list: &str,
    field: &str,
) -> (Vec<Value>, usize) {
    let (mut items, mut calls) = (Vec::new(), 0);
    loop {
        let answer = stage.answer(tool, arguments.clone()).await;
        calls += 1;
        items.extend(answer[list].as_array().unwrap().iter().map(|item| item[field].clone()));
        assert_eq!(answer["truncated"], answer["next_cursor"].is_string());
        match answer["next_cursor"].as_str() {
            Some(next) => arguments["cursor"] = next.into(),
            None => return (items, calls),
        }
        assert!(calls < 100);
    }
}

#[tokio::test]
async fn every_list_is_walked_to_its_end() {
    let plain: fn(Vec<Value>) -> Value = Value::Array;
    let found: fn(Vec<Value>) -> Value = |items| json!({ "total_count": 0, "items": items });
    let first = |name: &str| fixture(name)[0].clone();
    let hit = |name: &str| fixture(name)["items"][0].clone();
    let seven = json!({ "limit": 7 });
    let search = json!({ "query": "x", "limit": 7 });
    let username = json!({ "username": "octocat", "per_page": 7 });
    for (tool, arguments, item, (from, to), list, wrap) in [
        (
            "list_repositories",
            username,
            first("repositories"),
            ("full_name", "full_name"),
            "repositories",
            plain,
        ),
        ("list_commits", about(&seven), first("commits"), ("sha", "sha"), "commits", plain),
        ("list_issues", about(&seven), fixture("issue"), ("number", "number"), "issues", plain),
        (
            "list_pull_requests",
            about(&seven),
            first("pulls"),
            ("number", "number"),
            "pull_requests",
            plain,
        ),
        ("search_code", search.clone(), hit("search_code"), ("path", "path"), "matches", found),
        ("search_issues", search, hit("search_issues"), ("number", "number"), "issues", found),
    ] {
        let stage = Stage::with(&[]).await;
        numbered(&stage, item, from, 16, wrap).await;
        let (items, calls) = walked(&stage, tool, arguments, list, to).await;
        let expected: Vec<Value> = (1..=16).map(|number| name(from, number)).collect();
        assert_eq!((items, calls), (expected, 3), "{tool}");
    }
}

#[tokio::test]
async fn a_list_that_is_cut_by_its_budget_goes_on_where_it_was_cut() {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "[tools.list_commits]\noutput_budget = 700\n").unwrap();
    let stage = Stage::with(&[("MCP_CONFIG", config.path().to_str().unwrap())]).await;
    numbered(&stage, fixture("commits")[0].clone(), "sha", 40, Value::Array).await;
    let arguments = about(&json!({ "limit": 30 }));
    let (items, calls) = walked(&stage, "list_commits", arguments, "commits", "sha").await;
    let expected: Vec<Value> = (1..=40).map(|number| json!(format!("n{number:04}"))).collect();
    assert_eq!(items, expected);
    assert!(calls > 3, "{calls}");
}

#[tokio::test]
async fn comments_and_entries_are_walked_to_their_end() {
    let stage = Stage::with(&[]).await;
    let mut issue = fixture("issue");
    issue["comments"] = 65.into();
    let at = "/repos/octocat/hello-world/issues/1347";
    Mock::given(wiremock::matchers::path(at))
        .respond_with(ResponseTemplate::new(200).set_body_json(issue))
        .with_priority(1)
        .mount(&stage.github)
        .await;
    numbered(&stage, fixture("comments")[0].clone(), "id", 65, Value::Array).await;
    let arguments = about(&json!({ "number": 1347 }));
    let (items, calls) = walked(&stage, "get_issue", arguments, "comments", "id").await;
    assert_eq!((items, calls), ((1..=65).map(Value::from).collect::<Vec<_>>(), 3));

    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "[tools.get_file_contents]\noutput_budget = 1000\n").unwrap();
    let stage = Stage::with(&[("MCP_CONFIG", config.path().to_str().unwrap())]).await;
    let entries: Vec<Value> = (1..=100)
        .rev()
        .map(|number| {
            let mut entry = fixture("contents_directory")[0].clone();
            entry["name"] = format!("n{number:04}").into();
            entry
        })
        .collect();
    stage.serve("/repos/octocat/hello-world/contents/many", Value::Array(entries)).await;
    let arguments = about(&json!({ "path": "many" }));
    let (items, calls) = walked(&stage, "get_file_contents", arguments, "entries", "name").await;
    assert_eq!(items, (1..=100).map(|number| json!(format!("n{number:04}"))).collect::<Vec<_>>());
    assert!(calls > 1);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_question() {
    let stage = Stage::with(&[]).await;
    numbered(&stage, fixture("issue"), "number", 16, Value::Array).await;
    let first = stage.answer("list_issues", about(&json!({ "limit": 7 }))).await;
    let cursor = first["next_cursor"].clone();
    let asked = stage.requests().await.len();
    for (tool, arguments) in [
        ("list_issues", about(&json!({ "limit": 8, "cursor": cursor }))),
        ("list_issues", about(&json!({ "limit": 7, "state": "closed", "cursor": cursor }))),
        (
            "list_issues",
            json!({ "owner": "octocat", "repo": "other", "limit": 7, "cursor": cursor }),
        ),
        ("list_pull_requests", about(&json!({ "limit": 7, "cursor": cursor }))),
        ("search_issues", json!({ "query": "x", "limit": 7, "cursor": cursor })),
    ] {
        let error = stage.error(tool, arguments).await;
        assert_eq!(error["details"]["fields"][0]["field"], "cursor", "{tool}");
    }
    assert_eq!(stage.requests().await.len(), asked);
}
