//! A look around in the embedded sample: what there is, who somebody is, and what is nobody's business.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Script;
use super::conversation::Conversation;

pub(super) const SCRIPT: Script = Script {
    server: "internal-data",
    scopes: "mcp:read mcp:query mcp:metrics finance:read",
    environment: |_folder| Ok(vec![("MCP_AUDIT_READS", "true".to_owned())]),
    readers_headers: &[],
    steps: |conversation| Box::pin(steps(conversation)),
};

async fn steps(client: &mut Conversation) -> Result<()> {
    client.discover()?;
    client.list_tools(&["query_data", "get_user_profile", "get_metrics"]).await?;

    let shown = ["/notice", "/collections/0/name", "/collections/3/name", "/collections/3/fields"];
    let collections = client.call("list_collections", json!({}), &shown).await?;
    collections.expect("/sample", true)?.expect("/collections/3/name", "users")?;
    let users = json!({ "collection": "users" });
    let shown = ["/fields/7/name", "/fields/7/scope", "/fields/7/redacted"];
    client.call("describe_collection", users, &shown).await?.expect("/fields/7/redacted", true)?;

    let sales = json!({ "field": "department", "value": "Sales", "limit": 2 });
    let sales = json!({ "collection": "users", "filters": sales });
    let shown = ["/records/0/name", "/records/0/salary", "/redacted/0/scope", "/truncated"];
    let page = client.call("query_data", sales.clone(), &shown).await?;
    page.expect("/records/0/salary", "[redacted]")?.expect("/truncated", true)?;
    let next = with_cursor(sales, page.at("/next_cursor").clone())?;
    client.call("query_data", next, &["/records/0/name", "/records/1/name"]).await?;
    let rich = json!({ "field": "salary", "value": 100_000 });
    let rich = json!({ "collection": "users", "filters": rich });
    client.call_fails("query_data", rich, "forbidden").await?;
    let orders = json!({ "collection": "orders", "filters": { "limit": 1 } });
    let orders = client.call("query_data", orders, &["/records/0/id", "/records/0/margin"]).await?;
    orders.expect("/redacted", Value::Null)?;

    let shown = ["/name", "/department", "/email"];
    let ada = client.call("get_user_profile", json!({ "userId": "u-1" }), &shown).await?;
    ada.expect("/email", "ada.okafor@example.com")?;
    let elsewhere = json!({ "userId": "../orders" });
    client.call_fails("get_user_profile", elsewhere, "invalid_input").await?;
    let secrets = json!({ "collection": "secrets" });
    client.call_fails("query_data", secrets, "not_found").await?;
    let week = json!({ "metricType": "performance", "timeRange": "7d" });
    client.call("get_metrics", week, &["/values/0", "/summary"]).await?;
    Ok(())
}

fn with_cursor(mut arguments: Value, cursor: Value) -> Result<Value> {
    let members = arguments.as_object_mut().context("arguments are an object")?;
    members.insert("cursor".to_owned(), cursor);
    Ok(arguments)
}
