//! Queries of an operator's whose values come from the caller's token, over HTTP.

use mcp_testkit::{HttpClient, Issuer, issuer::Claims};
use serde_json::{Value, json};

use crate::stage::Stage;

const AUDIENCE: &str = "https://postgres.example/mcp";

const QUERIES: &str = r#"
[[query]]
name = "my_orders"
title = "My orders"
description = "Lists the caller's own orders of one status"
sql = "SELECT id, customer_id FROM orders WHERE customer_id = $1 AND status = $2 ORDER BY id"

[[query.parameter]]
name = "customer"
type = "integer"
claim = "customer_id"

[[query.parameter]]
name = "status"
type = "string"
default = "paid"

[[query]]
name = "my_customers"
title = "My customers"
description = "Counts customers in the caller's countries"
sql = "SELECT count(*) FROM customers WHERE country = ANY ($1)"

[[query.parameter]]
name = "countries"
type = "array"
claim = "https://example.com/countries"
"#;

#[tokio::test]
async fn a_claim_is_bound_and_no_caller_can_choose_it() {
    let stage = Stage::new();
    let issuer = Issuer::start().await;
    let server = stage
        .command()
        .env("PG_QUERIES_FILE", stage.file("queries.toml", QUERIES))
        .env("MCP_AUTH", "oauth")
        .env("MCP_AUTH_ISSUER", issuer.url())
        .env("MCP_AUTH_AUDIENCE", AUDIENCE)
        .http()
        .await;
    let client = |claims: &Claims| HttpClient::new(server.url()).bearer(&issuer.token(claims));
    let plain = issuer.claims(AUDIENCE).scopes("postgres:read");
    let call = async |claims: &Claims, tool: &str, arguments: Value| {
        let reply = client(claims).call_tool(tool, arguments).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.result()["structuredContent"].clone()
    };

    // The tool's schema has the free parameter alone.
    let listed = client(&plain).list_tools().await;
    let tools = listed.result()["tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == "my_orders").unwrap();
    let properties = tool["inputSchema"]["properties"].as_object().unwrap();
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["status"]);
    assert!(!tool.to_string().contains("customer_id\":{"), "{tool}");

    // Each caller gets rows of their own.
    for customer in [8, 36] {
        let claims = plain.clone().subject("somebody").with("customer_id", customer);
        let answer = call(&claims, "my_orders", json!({})).await;
        let rows = answer["rows"].as_array().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row[1] == customer), "{answer}");
        // What they say about it themselves is refused, under whatever name.
        for name in ["customer", "customer_id", "$1"] {
            let answer = call(&claims, "my_orders", json!({ name: 1 })).await;
            assert_eq!(answer["error"]["code"], "invalid_input", "{name}: {answer}");
        }
    }
    let claims = plain.clone().with("https://example.com/countries", json!(["PL", "DE"]));
    let answer = call(&claims, "my_customers", json!({})).await;
    assert_eq!(answer["rows"], json!([[80]]), "{answer}");

    // Without the claim, or with one of another type, there is nothing.
    for claims in [
        plain.clone(),
        plain.clone().with("customer_id", "8"),
        plain.clone().with("customer_id", json!([8])),
        plain.clone().with("customer_id", json!({ "id": 8 })),
    ] {
        let answer = call(&claims, "my_orders", json!({})).await;
        assert_eq!(answer["error"]["code"], "forbidden", "{answer}");
        assert!(answer.get("rows").is_none(), "{answer}");
    }
    // Nor without the scope.
    let unscoped = issuer.claims(AUDIENCE).with("customer_id", 8);
    assert_eq!(client(&unscoped).call_tool("my_orders", json!({})).await.status, 403);
}
