//! What the server offers and answers, as it was reviewed.

use serde_json::{Value, json};

use crate::stage::Stage;

fn check(name: &str, value: &Value) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(name, value));
}

#[tokio::test]
async fn what_is_offered() {
    let stage = Stage::new().await;
    check("tools", &stage.client.list_tools().await.result()["tools"]);
    let list = async |of: &str| stage.client.request(of, json!({})).send().await.result().clone();
    check("templates", &list("resources/templates/list").await["resourceTemplates"]);
    check("prompts", &list("prompts/list").await["prompts"]);
}

#[tokio::test]
async fn an_item_is_read_by_tool_resource_and_prompt() {
    let stage = Stage::new().await;
    let item = stage.call("get_item", json!({ "id": "welcome" })).await;
    check("get_item", &item["structuredContent"]);
    let resource = stage.client.read_resource("example-domain://welcome").await;
    assert_eq!(resource.result()["contents"][0]["uri"], "example-domain://welcome");
    let prompt = stage.client.get_prompt("summarize_item", json!({ "id": "welcome" })).await;
    check("summarize_item", &prompt.result()["messages"]);
    let asked = stage.requests().await;
    assert!(asked.iter().all(|it| it.url.path() == "/v1/items/welcome"), "{asked:?}");
    assert!(asked.iter().all(|it| it.headers["x-api-key"] == "hunter2"), "{asked:?}");
}

#[tokio::test]
async fn a_repeated_write_is_made_once() {
    let stage = Stage::new().await;
    let arguments = json!({ "title": "Welcome", "idempotency_key": "welcome-1" });
    for _ in 0..2 {
        let item = stage.call("create_item", arguments.clone()).await;
        check("create_item", &item["structuredContent"]);
    }
    let requests = stage.requests().await;
    let [post] = &requests[..] else { panic!("the write was made twice") };
    assert_eq!(post.body_json::<Value>().unwrap(), json!({ "title": "Welcome", "body": "" }));
    assert!(post.headers.contains_key("idempotency-key"));
}
