//! A question to a database: the tables found, a plan looked at, rows read, everything else refused.

use anyhow::{Result, ensure};
use serde_json::json;

use super::Script;
use super::conversation::Conversation;
use crate::sample;

pub(super) const SCRIPT: Script = Script {
    server: "postgres",
    scopes: "postgres:read",
    environment: |_folder| Ok(vec![("DATABASE_URL", sample::database()?)]),
    readers_headers: &[],
    steps: |conversation| Box::pin(steps(conversation)),
};

async fn steps(client: &mut Conversation) -> Result<()> {
    client.discover()?;
    client.list_tools(&["query_database", "explain_query", "describe_table"]).await?;

    let tables = client.call("list_tables", json!({}), &["/tables/0/name", "/truncated"]).await?;
    tables.expect("/tables/0/name", "customers")?;
    let table = json!({ "table": "orders" });
    let orders = client.call("describe_table", table, &["/comment", "/keys/0/definition"]).await?;
    orders.expect("/columns/1/references", "customers.id")?;

    let question = json!({
        "sql": "SELECT country, count(*) FROM customers WHERE created_at < $1 GROUP BY country ORDER BY country",
        "params": ["2025-02-01"],
    });
    let shown = ["/rows", "/row_count", "/truncated"];
    let answer = client.call("query_database", question, &shown).await?;
    answer.expect("/rows/0/0", "DE")?.expect("/columns/1/type", "bigint")?;
    let plan = json!({ "sql": "SELECT * FROM order_totals WHERE order_id = 7", "analyze": true });
    let plan = client.call("explain_query", plan, &["/steps/0", "/execution_ms"]).await?;
    ensure!(plan.at("/costly/0/share").is_number(), "no step is named as costly");

    for attack in [
        "DELETE FROM customers",
        "SELECT 1; DROP TABLE customers",
        "WITH gone AS (DELETE FROM customers RETURNING id) SELECT * FROM gone",
        "EXPLAIN ANALYZE DELETE FROM customers",
        "SELECT (ARRAY[1::bigint])[1].pg_advisory_lock",
    ] {
        let code = if attack.contains(';') { "invalid_input" } else { "forbidden" };
        client.call_fails("query_database", json!({ "sql": attack }), code).await?;
    }
    let count = json!({ "sql": "SELECT count(*) FROM customers" });
    client.call("query_database", count, &["/rows"]).await?.expect("/rows/0/0", 200)?;

    client.read("schema://products").await?.expect("/2/column_name", "price")?;
    let question = json!({ "description": "Which product is dearest?", "table": "products" });
    client.prompt("nl_to_sql", question, "price").await
}
