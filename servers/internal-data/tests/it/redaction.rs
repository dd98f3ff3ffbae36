//! Who sees which field: every scope by every field, and no way around it.

use serde_json::{Value, json};

use crate::{snapshots::check, stage::Stage, upstream::KINDS};

const HELD: [&str; 4] = ["", "hr:read", "people:contact", "hr:read people:contact"];

#[tokio::test]
async fn every_scope_by_every_field() {
    for kind in KINDS {
        let stage = Stage::with_keys(kind).await;
        for held in HELD {
            let client = stage.holding(held);
            let answer = async |tool: &str, arguments: Value| {
                client.call_tool(tool, arguments).await.result()["structuredContent"].clone()
            };
            let users = json!({ "collection": "users", "filters": { "limit": 2 } });
            let seen = json!({
                "query_data": answer("query_data", users).await,
                "get_user_profile": answer("get_user_profile", json!({ "userId": "u-7" })).await,
                "describe_collection": answer("describe_collection", json!({ "collection": "users" })).await,
            });
            // The same before recorded and real answers.
            let name = if held.is_empty() { "nothing" } else { held };
            check(&format!("seen_with_{}", name.replace([':', ' '], "_")), &seen);
        }
    }
}

#[tokio::test]
async fn a_filter_tells_nothing_that_the_caller_may_not_see() {
    for kind in KINDS {
        let stage = Stage::with_keys(kind).await;
        for (held, field, code) in [
            ("", "salary", Some("forbidden")),
            ("people:contact", "salary", Some("forbidden")),
            ("hr:read", "salary", None),
            ("hr:read", "email", Some("forbidden")),
            ("people:contact", "email", None),
            ("", "department", None),
            // Another spelling, which the API might take for the same.
            ("", "Salary", Some("invalid_input")),
            ("", "SALARY", Some("invalid_input")),
            ("", "salary_gt", Some("invalid_input")),
            ("", "ssn", Some("invalid_input")),
        ] {
            let before = stage.api.requests().await;
            let filters = json!({ "field": field, "value": "40000" });
            let arguments = json!({ "collection": "users", "filters": filters });
            let reply = stage.holding(held).call_tool("query_data", arguments).await;
            let error = &reply.result()["structuredContent"]["error"];
            assert_eq!(error["code"].as_str(), code, "{held} {field} {error}");
            let asked = stage.api.requests().await - before;
            assert_eq!(asked, usize::from(code.is_none()), "{held} {field}");
            if code == Some("forbidden") {
                let needed = if field == "email" { "people:contact" } else { "hr:read" };
                assert_eq!(error["details"]["required_scopes"], json!([needed]));
            }
        }
    }
}

#[tokio::test]
async fn what_one_caller_is_shown_is_kept_for_nobody_else() {
    for kind in KINDS {
        let stage = Stage::with_keys(kind).await;
        let users = json!({ "collection": "users", "filters": { "limit": 1 } });
        for (round, expected) in [("first", 1), ("second", 0)] {
            for held in ["hr:read people:contact", "", "hr:read"] {
                let before = stage.api.requests().await;
                let reply = stage.holding(held).call_tool("query_data", users.clone()).await;
                let salary = &reply.result()["structuredContent"]["records"][0]["salary"];
                assert_eq!(*salary == "[redacted]", held.is_empty(), "{round} {held} {salary}");
                assert_eq!(stage.api.requests().await - before, expected, "{round} {held}");
            }
        }
    }
}
