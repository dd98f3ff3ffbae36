//! A page stays a page and JSON stays JSON, whatever the budget.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn page(items: usize) -> (Value, PageCut) {
    let tickets: Vec<Value> =
        (0..items).map(|n| json!({ "id": format!("T-{n}"), "body": "x".repeat(100) })).collect();
    let cursors = (0..items).map(|n| format!("after-{n}")).collect();
    let value = json!({ "tickets": tickets, "next_cursor": "after-the-page", "truncated": false });
    (value, PageCut { list: "tickets", cursors, count: None })
}

fn len(value: &Value) -> usize {
    value.to_string().len()
}

/// How many items and ends of strings it took.
fn taken(fitted: Option<Fitted>) -> Option<(usize, usize)> {
    fitted.map(|fitted| (fitted.dropped, fitted.shortened))
}

#[test]
fn a_result_within_its_budget_stays_as_it_is() {
    let (mut value, cut) = page(3);
    let before = value.clone();
    assert_eq!(taken(fit(&mut value, Budget::of_bytes(len(&before)), Some(&cut))), Some((0, 0)));
    assert_eq!(value, before);
}

#[test]
fn a_page_loses_whole_items_and_continues_after_the_last_kept_one() {
    let (mut value, cut) = page(20);
    let fitted = fit(&mut value, Budget::of_bytes(1_000), Some(&cut));
    let kept = value["tickets"].as_array().unwrap().len();
    assert_eq!(taken(fitted), Some((20 - kept, 0)));
    assert!(len(&value) <= 1_000 && len(&value) > 850, "{}", len(&value));
    assert_eq!(value["truncated"], true);
    assert_eq!(value["next_cursor"], format!("after-{}", kept - 1));
}

#[test]
fn a_list_without_pages_counts_what_it_kept_and_has_no_cursor() {
    let rows: Vec<Value> = (0..500).map(|n| json!([n, "value"])).collect();
    let mut value =
        json!({ "rows": rows, "row_count": 500, "truncated": false, "next_cursor": "stale" });
    let cut = PageCut { list: "rows", cursors: Vec::new(), count: Some("row_count") };
    let fitted = fit(&mut value, Budget::of_bytes(400), Some(&cut)).unwrap();
    assert!(fitted.dropped > 0 && fitted.shortened == 0);
    assert_eq!(value["row_count"], value["rows"].as_array().unwrap().len());
    assert!(value.get("next_cursor").is_none());
    assert!(len(&value) <= 400);
}

#[test]
fn the_first_item_is_shortened_rather_than_lost() {
    let mut value =
        json!({ "tickets": [{ "id": "T-1", "body": "ż".repeat(5_000) }, { "id": "T-2" }] });
    let cut = PageCut { list: "tickets", cursors: vec!["a".into(), "b".into()], count: None };
    assert_eq!(taken(fit(&mut value, Budget::of_bytes(600), Some(&cut))), Some((1, 1)));
    let body = value["tickets"][0]["body"].as_str().unwrap();
    assert!(body.ends_with(" more characters]") && body.starts_with("żż"), "{body}");
    let kept = body.chars().filter(|c| *c == 'ż').count();
    assert!(body.contains(&format!("… [{} more", 5_000 - kept)));
    assert_eq!((&value["truncated"], &value["next_cursor"]), (&json!(true), &json!("a")));
    assert!(len(&value) <= 600);
}

#[test]
fn the_longest_strings_give_way_and_short_ones_stay() {
    let mut value =
        json!({ "name": "n".repeat(100), "long": "l".repeat(9_000), "longer": "m".repeat(10_000) });
    assert_eq!(taken(fit(&mut value, Budget::of_bytes(5_000), None)), Some((0, 2)));
    assert_eq!(value["name"], "n".repeat(100));
    let kept = |name: &str| value[name].as_str().unwrap().len();
    assert_eq!(kept("long"), kept("longer"));
    assert!(
        value.get("truncated").is_none(),
        "a field that the schema does not have is not invented"
    );
    assert!(len(&value) <= 5_000 && len(&value) > 4_900);
}

#[test]
fn what_cannot_fit_is_reported() {
    let mut numbers = json!({ "values": vec![1; 1_000] });
    assert_eq!(fit(&mut numbers, Budget::of_bytes(100), None), None);
    let (mut value, cut) = page(2);
    assert_eq!(fit(&mut value, Budget::of_bytes(50), Some(&cut)), None);
}

fn any_page() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let entry = (".{0,300}", "[a-z\"]{0,40}");
    prop::collection::vec(entry, 0..20).prop_map(|entries| entries.into_iter().unzip())
}

proptest! {
    #[test]
    fn a_fitted_page_is_within_budget_a_prefix_and_continues_rightly((bodies, cursors) in any_page(), bytes in 0_usize..4_000) {
        let items: Vec<Value> = bodies.iter().map(|body| json!({ "body": body })).collect();
        let mut value = json!({ "items": items, "truncated": false });
        let cut = PageCut { list: "items", cursors: cursors.clone(), count: None };
        let Some(fitted) = fit(&mut value, Budget::of_bytes(bytes), Some(&cut)) else {
            return Ok(());
        };
        prop_assert!(fitted.json.len() <= bytes);
        prop_assert_eq!(&fitted.json, &value.to_string());
        let kept = value["items"].as_array().unwrap();
        prop_assert!(!kept.is_empty() || bodies.is_empty());
        prop_assert!(fitted.shortened > 0 || kept.iter().zip(&items).all(|(kept, item)| kept == item));
        if kept.len() < items.len() {
            prop_assert_eq!(&value["next_cursor"], &json!(cursors[kept.len() - 1]));
            prop_assert_eq!(&value["truncated"], &json!(true));
        }
    }

    #[test]
    fn the_measured_length_is_the_written_length(text in any::<String>()) {
        prop_assert_eq!(escaped_len(&text) + 2, len(&json!(text)));
    }
}
