//! Pages: followed to the end, bound to their question, cut to whole records.

use std::collections::BTreeSet;

use mcp_testkit::internal_api::{PROJECTS, USERS};
use serde_json::{Value, json};

use crate::{
    stage::Stage,
    upstream::{KINDS, Kind, body},
};

/// Follows the cursors of a question to its end.
async fn walk(stage: &Stage, question: &Value) -> Vec<Value> {
    let (mut ids, mut arguments) = (Vec::new(), question.clone());
    loop {
        let page = stage.answer("query_data", arguments.clone()).await;
        ids.extend(page["records"].as_array().unwrap().iter().map(|it| it["id"].clone()));
        let Some(next) = page["next_cursor"].as_str() else {
            assert_eq!(page["truncated"], false);
            return ids;
        };
        assert_eq!(page["truncated"], true);
        arguments["cursor"] = next.into();
    }
}

#[tokio::test]
async fn a_collection_is_walked_to_its_end_whatever_the_size_of_a_page() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        let expected: Vec<_> = (1..=PROJECTS).map(|number| json!(format!("pr-{number}"))).collect();
        for limit in [1, 7, 25, 100] {
            let question = json!({ "collection": "projects", "filters": { "limit": limit } });
            assert_eq!(walk(&stage, &question).await, expected, "{kind:?} {limit}");
        }
        let filters = json!({ "field": "status", "value": "paused", "limit": 2 });
        let question = json!({ "collection": "projects", "filters": filters });
        let expected = ["pr-3", "pr-7", "pr-11", "pr-15", "pr-19", "pr-23"].map(Value::from);
        assert_eq!(walk(&stage, &question).await, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn a_question_is_passed_on_as_it_was_asked() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        let filters = json!({ "field": "name", "value": "a&b=c d/../é#%2f", "limit": 5 });
        let question = json!({ "collection": "projects", "filters": filters });
        let page = stage.answer("query_data", question).await;
        assert_eq!(page, json!({ "records": [], "truncated": false }));
        let two = json!({ "collection": "projects", "filters": { "limit": 2 } });
        let cursor = stage.answer("query_data", two.clone()).await["next_cursor"].clone();
        let mut next = two;
        next["cursor"] = cursor;
        stage.answer("query_data", next).await;
        assert_eq!(
            stage.api.asked().await,
            [
                "/api/v1/projects?field=name&value=a%26b%3Dc+d%2F..%2F%C3%A9%23%252f&limit=5",
                "/api/v1/projects?limit=2",
                "/api/v1/projects?limit=2&offset=2",
            ]
        );
    }
}

#[tokio::test]
async fn a_hundred_thousand_records_are_read_a_page_at_a_time() {
    let stage = Stage::new(Kind::Real).await;
    let mut arguments = json!({ "collection": "users", "filters": { "limit": 100 } });
    let mut ids = BTreeSet::new();
    for _ in 0..20 {
        let page = stage.answer("query_data", arguments.clone()).await;
        ids.extend(page["records"].as_array().unwrap().iter().map(|it| it["id"].to_string()));
        arguments["cursor"] = page["next_cursor"].clone();
    }
    // Whole records: what did not fit into one answer came with the next.
    assert!(ids.len() > 500, "{}", ids.len());
    let numbers = (1..=ids.len()).map(|number| format!("\"u-{number}\""));
    assert_eq!(ids, numbers.collect());
    let last = format!("u-{USERS}");
    let filters = json!({ "field": "id", "value": last });
    let page =
        stage.answer("query_data", json!({ "collection": "users", "filters": filters })).await;
    assert_eq!((&page["records"][0]["id"], &page["truncated"]), (&json!(last), &json!(false)));
}

#[tokio::test]
async fn a_cursor_continues_its_own_question_alone() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        let active = json!({ "field": "status", "value": "active", "limit": 1 });
        let question = json!({ "collection": "projects", "filters": active });
        let cursor = stage.answer("query_data", question.clone()).await["next_cursor"].clone();
        let before = stage.api.requests().await;
        for (collection, filters) in [
            ("users", active.clone()),
            ("projects", json!({})),
            ("projects", json!({ "field": "status", "value": "done" })),
            ("projects", json!({ "field": "name", "value": "active" })),
        ] {
            let arguments =
                json!({ "collection": collection, "filters": filters, "cursor": cursor });
            let error = stage.error("query_data", arguments).await;
            assert_eq!(error["details"]["fields"][0]["field"], "cursor", "{error}");
        }
        assert_eq!(stage.api.requests().await, before);
        // Another size of page is still the same question.
        let filters = json!({ "field": "status", "value": "active", "limit": 2 });
        let next = json!({ "collection": "projects", "filters": filters, "cursor": cursor });
        let page = stage.answer("query_data", next).await;
        assert_eq!(page["records"][0]["id"], "pr-6", "{page}");
    }
}

#[tokio::test]
async fn an_answer_over_its_budget_ends_with_a_whole_record_and_goes_on_behind_it() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        let record = |number: usize| json!({ "id": number, "note": "x".repeat(3_000) });
        let records: Vec<_> = (0..40).map(record).collect();
        stage.api.answer_with(body(json!(records).to_string())).await;
        let arguments = json!({ "collection": "projects", "filters": { "limit": 40 } });
        let page = stage.answer("query_data", arguments.clone()).await;
        let told = page["records"].as_array().unwrap();
        assert!((2..40).contains(&told.len()), "{}", told.len());
        assert!(told.iter().all(|record| record["note"].as_str().unwrap().len() == 3_000));
        stage.api.recover().await;
        let mut next = arguments;
        next["cursor"] = page["next_cursor"].clone();
        stage.answer("query_data", next).await;
        let expected = format!("/api/v1/projects?limit=40&offset={}", told.len());
        assert_eq!(stage.api.asked().await.last(), Some(&expected));
    }
}

#[tokio::test]
async fn an_api_that_sends_more_than_was_asked_for_is_cut() {
    for kind in KINDS {
        let stage = Stage::new(kind).await;
        let records: Vec<_> = (0..50).map(|number| json!({ "id": number })).collect();
        stage.api.answer_with(body(json!(records).to_string())).await;
        let arguments = json!({ "collection": "projects", "filters": { "limit": 4 } });
        let page = stage.answer("query_data", arguments).await;
        assert_eq!(page["records"].as_array().unwrap().len(), 4);
        assert_eq!(page["truncated"], true);
    }
}
