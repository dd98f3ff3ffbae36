//! Tickets and SQL over a network that fails.

use mcp_testkit::{HttpClient, Postgres, TestDatabase};
use serde_json::json;

use super::writes::Written;
use super::{proxy, server, storm};

/// Connections that `condition` (of `pg_stat_activity`) holds for.
fn connections(database: &TestDatabase, condition: &str) -> u32 {
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {condition}");
    database.psql(&count).trim().parse().unwrap()
}

#[tokio::test]
async fn tickets_survive_a_network_that_fails_at_random() {
    let database = Postgres::shared().database();
    let proxy = proxy(database.url()).await;
    let server = server("mcp-ticketing").env("DATABASE_URL", proxy.url()).http().await;
    let written = Written::default();
    let client = HttpClient::new(server.url());
    let works = ("search_tickets", |_turn| json!({ "query": "w" }));
    storm(&proxy, (&server, &client), works, |worker| {
        written.by(worker, "create_ticket", |title| json!({ "title": title, "body": "storm" }))
    })
    .await;
    let titles = database.psql("SELECT title FROM tickets");
    let titles: Vec<_> = titles.lines().map(|line| line.trim().to_owned()).collect();
    written.is_what_stands_in(&titles);
    // No connection is left beyond those of the pool.
    let ours = "datname = current_database() AND pid <> pg_backend_pid()";
    let open = connections(&database, ours);
    assert!(open <= 16, "{open} connections");
}

#[tokio::test]
async fn sql_survives_a_network_that_fails_at_random() {
    const POOL: u32 = 8;
    let database = Postgres::shared().database();
    let role = format!("chaos_{}", database.url().rsplit('/').next().unwrap());
    database.psql(&format!("CREATE ROLE {role} LOGIN"));
    let url = database.url().replace("postgres@", &format!("{role}@"));
    let proxy = proxy(&url).await;
    let server = server("mcp-postgres").env("DATABASE_URL", proxy.url()).http().await;
    let client = HttpClient::new(server.url());
    let works = ("query_database", |turn| json!({ "sql": format!("SELECT {turn}") }));
    storm(&proxy, (&server, &client), works, |worker| async move {
        let rows = 10 * (worker.number + 1);
        let sql = format!("SELECT g, repeat('x', 200) FROM generate_series(1, {rows}) g");
        let whole = |_turn, answer: &serde_json::Value| {
            assert_eq!(answer["row_count"], json!(rows), "{answer}");
        };
        worker.read("query_database", |_turn| json!({ "sql": sql }), whole).await;
    })
    .await;
    let open = connections(&database, &format!("usename = '{role}'"));
    assert!(open <= POOL, "{open} connections");
}
