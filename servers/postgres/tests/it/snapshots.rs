//! What clients see, word for word: a changed file is a changed interface.

use insta::Settings;
use mcp_testkit::surface::lists_are_complete;
use serde_json::{Value, json};

use crate::stage::{Stage, query};

/// Files in `servers/postgres/snapshots`, without what differs from run to run.
fn matches(name: &str, value: &Value) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}", "[request id]");
    settings.add_filter(r#""elapsed_ms": [0-9.]+"#, r#""elapsed_ms": "[time]""#);
    settings.bind(|| insta::assert_json_snapshot!(name, value));
}

#[tokio::test]
async fn the_surface_is_as_in_the_snapshot() {
    let stage = Stage::empty();
    let mut client = stage.client();
    for method in ["tools/list", "prompts/list", "resources/templates/list"] {
        let mut answer = client.request(method, json!({})).await;
        let result = answer["result"].take();
        let name = method.replace('/', "_");
        matches(&name, &result);
    }
}

#[tokio::test]
async fn answers_and_refusals_are_as_in_the_snapshot() {
    let stage = Stage::new();
    let mut client = stage.client();
    for (name, sql) in [
        ("rows", "SELECT id, price, details FROM products ORDER BY id LIMIT 2"),
        ("no_rows", "SELECT name FROM customers WHERE id < 0"),
        ("write", "DELETE FROM customers"),
        ("several", "SELECT 1; SELECT 2"),
        ("function", "SELECT pg_sleep(1)"),
        ("credentials", "SELECT * FROM pg_authid"),
        ("unknown_column", "SELECT nam FROM customers"),
        ("syntax", "SELEC 1"),
        ("division", "SELECT 1 / (id - 1) FROM customers"),
    ] {
        matches(&format!("answer_{name}"), &query(&mut client, sql).await);
    }
}

#[tokio::test]
async fn whatever_is_listed_is_titled_pictured_signed_and_in_one_order() {
    let stage = Stage::new();
    lists_are_complete(&stage.command()).await;
}
