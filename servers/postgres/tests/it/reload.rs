//! Another database, another password, and other schemas, while calls run.

use std::fs;

use mcp_testkit::{HttpClient, until};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::stage::Stage;

const IN_FORCE: &str = "the configuration changed and is in force";
const KEPT: &str = "not usable, the last good one stays";

async fn ask(client: &HttpClient, sql: &str) -> Value {
    let reply = client.call_tool("query_database", json!({ "sql": sql })).await;
    reply.result()["structuredContent"].clone()
}

#[tokio::test]
async fn another_role_takes_over_while_calls_run_and_none_fails() {
    let stage = Stage::new();
    let other = format!("{}_b", stage.role());
    stage.database.psql(&format!("CREATE ROLE {other} LOGIN PASSWORD 'other-secret'"));
    stage.database.psql(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {other}"));
    let file = stage.file("database", &stage.url());
    let server = stage.command().env("DATABASE_URL", "").env("DATABASE_URL_FILE", &file);
    let server = server.http().await;
    let client = HttpClient::new(server.url());
    let (stop, stopped) = watch::channel(false);
    let line = |_| {
        let (client, stopped) = (client.clone(), stopped.clone());
        tokio::spawn(async move {
            let mut calls = 0;
            while !*stopped.borrow() {
                let answer = ask(&client, "SELECT current_user").await;
                assert_eq!(answer["row_count"], 1, "{answer}");
                calls += 1;
            }
            calls
        })
    };
    let lines: Vec<_> = (0..4).map(line).collect();

    // A role that can do more than read is refused now as it is at start.
    let owner = stage.database.url().to_owned();
    fs::write(&file, &owner).unwrap();
    let told = server.wait_for_log(KEPT).await;
    assert!(told.contains("DATABASE_URL: the role can do more than read"), "{told}");
    assert!(!told.contains("postgres://"), "{told}");

    let url = stage.url().replace(stage.role(), &other).replace("reader-secret", "other-secret");
    fs::write(&file, url).unwrap();
    server.wait_for_log(IN_FORCE).await;
    let who = ask(&client, "SELECT current_user").await;
    assert_eq!(who["rows"][0][0], json!(other), "{who}");
    stop.send_replace(true);
    for line in lines {
        assert!(line.await.unwrap() > 0);
    }
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND datname = current_database()",
        stage.role()
    );
    until("the old connections end", async || stage.database.psql(&sessions) == "0").await;
}

#[tokio::test]
async fn schemas_limits_and_queries_follow_their_files() {
    let stage = Stage::new();
    stage.run("CREATE SCHEMA private; CREATE TABLE private.plans AS SELECT 1 AS id");
    let role = stage.role();
    stage.run(&format!(
        "GRANT USAGE ON SCHEMA private TO {role}; GRANT SELECT ON private.plans TO {role}"
    ));
    let queries = |name: &str| {
        let text = format!(
            "[[query]]\nname = {name:?}\ntitle = \"One\"\ndescription = \"One\"\nsql = \"SELECT 1 AS one\"\n"
        );
        stage.file("queries.toml", &text)
    };
    let config = |schemas: &str, rows: u32| {
        let path = queries("first");
        let text = format!(
            "pg_allowed_schemas = {schemas:?}\npg_max_rows = {rows}\npg_queries_file = {:?}\n",
            path.display().to_string()
        );
        stage.file("config.toml", &text)
    };
    let server = stage.command().env("MCP_CONFIG", config("public,private", 1000)).http().await;
    let client = HttpClient::new(server.url());
    let plans = async || ask(&client, "SELECT id FROM private.plans").await["row_count"] == 1;
    assert!(plans().await && plans().await, "it is remembered as admitted");
    config("public", 3);
    until("the schema is closed", async || !plans().await).await;
    let rows = ask(&client, "SELECT * FROM generate_series(1, 10)").await;
    assert_eq!((&rows["row_count"], &rows["truncated"]), (&json!(3), &json!(true)), "{rows}");
    config("private,public", 1000);
    until("the schema is open again", async || plans().await).await;

    queries("second");
    let offered = async |name: &str| {
        let listed = client.list_tools().await;
        listed.result()["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == name)
    };
    until("the query has another name", async || offered("second").await).await;
    assert!(!offered("first").await);
    assert_eq!(client.call_tool("second", json!({})).await.result()["isError"], false);
}
