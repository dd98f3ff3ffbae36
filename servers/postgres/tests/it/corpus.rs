//! Hundreds of statements against a real PostgreSQL: what reads gets through, what has an effect does not, and
//! after each of them the canaries live.

use mcp_testkit::StdioClient;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::stage::{Stage, call, query};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/postgres");

/// The statements of a file: paragraphs; a line that starts with `### ` names a class.
fn statements(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("{FIXTURES}/{file}")).unwrap();
    let paragraphs = text.split("\n\n").map(str::trim);
    let statements = paragraphs.filter(|text| !text.is_empty() && !text.starts_with("### "));
    statements.map(str::to_owned).collect()
}

fn stage() -> Stage {
    let stage = Stage::new();
    stage.load(&format!("{FIXTURES}/corpus.sql"));
    stage.database.psql(&format!("GRANT USAGE ON SEQUENCE canary_sequence TO {}", stage.role()));
    stage
}

/// What nobody may change, as the owner sees it.
async fn canaries(owner: &mut PgConnection) -> String {
    const CANARIES: &str =
        "SELECT ROW((SELECT array_agg(a) FROM canary), (SELECT count(*) FROM customers), (SELECT count(*) FROM orders),
            (SELECT (last_value, is_called) FROM canary_sequence), (SELECT count(*) FROM pg_largeobject_metadata),
            (SELECT count(*) FROM pg_class WHERE relkind <> 't'), (SELECT count(*) FROM pg_proc),
            (SELECT count(*) FROM pg_roles WHERE rolname = 'stolen'), (SELECT count(*) FROM pg_extension),
            (SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
                WHERE d.datname = current_database()),
            (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()),
            (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                JOIN pg_stat_activity a USING (pid) WHERE a.backend_type = 'client backend'
                    AND d.datname = current_database() AND (locktype = 'advisory' OR mode ~ 'Exclusive')),
            (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'),
            (SELECT relacl FROM pg_class WHERE relname = 'canary'))::text";
    sqlx::query_scalar(CANARIES).fetch_one(owner).await.unwrap()
}

/// What the next user of the only connection meets.
async fn session(client: &mut StdioClient) -> Value {
    let sql = "SELECT current_setting('app.tenant', true), current_user, session_user, current_setting('search_path'),
        current_setting('statement_timeout'), current_setting('default_transaction_read_only'),
        (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors),
        (SELECT count(*) FROM pg_listening_channels()), pg_my_temp_schema()::int";
    query(client, sql).await["rows"].clone()
}

#[tokio::test]
async fn no_attack_of_the_corpus_has_an_effect_or_an_answer() {
    let stage = stage();
    let mut client = stage.command().env("PG_POOL_SIZE", "1").stdio();
    let mut owner = PgConnection::connect(stage.database.url()).await.unwrap();
    // In this order: a server that is still starting reads the catalogue in a transaction.
    let fresh = session(&mut client).await;
    let alive = canaries(&mut owner).await;
    let attacks = statements("attacks.txt");
    assert!(attacks.len() > 200, "{}", attacks.len());
    let mut faults = Vec::new();
    for sql in &attacks {
        for (tool, arguments) in [
            ("query_database", json!({ "sql": sql })),
            ("explain_query", json!({ "sql": sql, "analyze": true })),
        ] {
            let answer = call(&mut client, tool, arguments).await;
            let code = answer["error"]["code"].as_str().unwrap_or("answered");
            if !matches!(code, "forbidden" | "invalid_input") {
                faults.push(format!("{tool} {code}: {sql}: {answer}"));
            }
        }
        if session(&mut client).await != fresh || canaries(&mut owner).await != alive {
            faults.push(format!("HAD AN EFFECT: {sql}"));
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[tokio::test]
async fn every_honest_read_of_the_corpus_is_answered_and_has_no_effect() {
    let stage = stage();
    let mut client = stage.command().env("PG_POOL_SIZE", "1").stdio();
    let mut owner = PgConnection::connect(stage.database.url()).await.unwrap();
    let fresh = session(&mut client).await;
    let alive = canaries(&mut owner).await;
    let honest = statements("honest.txt");
    assert!(honest.len() > 150, "{}", honest.len());
    let mut faults = Vec::new();
    for sql in &honest {
        let answer = query(&mut client, sql).await;
        if answer["error"].is_object() {
            faults.push(format!("{sql}: {}", answer["error"]["message"]));
        }
        if session(&mut client).await != fresh || canaries(&mut owner).await != alive {
            faults.push(format!("HAD AN EFFECT: {sql}"));
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[tokio::test]
async fn what_no_file_can_hold_is_refused_too() {
    let stage = stage();
    let mut client = stage.command().env("PG_POOL_SIZE", "1").stdio();
    let mut owner = PgConnection::connect(stage.database.url()).await.unwrap();
    session(&mut client).await;
    let alive = canaries(&mut owner).await;
    for sql in [
        "SELECT 1\0; DELETE FROM canary".to_owned(),
        "SELECT 1 -- \r; DELETE FROM canary".to_owned(),
        format!("SELECT {}1", "-".repeat(30_000)),
        format!("SELECT {}1", "1+".repeat(15_000)),
        format!("SELECT {}1{}", "(".repeat(15_000), ")".repeat(15_000)),
        format!("SELECT 1 -- {}", "x".repeat(40_000)),
        format!("SELECT {}1", "(SELECT ".repeat(3_000)),
    ] {
        let answer = call(&mut client, "query_database", json!({ "sql": sql })).await;
        let code = answer["error"]["code"].as_str().unwrap_or("answered");
        assert!(code != "internal" && code != "unavailable", "{answer}");
        assert_eq!(canaries(&mut owner).await, alive);
    }
    let parameter = "x'); DELETE FROM canary; --";
    let arguments = json!({ "sql": "SELECT $1", "params": [parameter] });
    assert_eq!(call(&mut client, "query_database", arguments).await["rows"], json!([[parameter]]));
    assert_eq!(canaries(&mut owner).await, alive);
}

#[tokio::test]
async fn a_function_that_the_operator_allows_may_be_called_and_no_other() {
    let stage = stage();
    stage.run("CREATE FUNCTION harmless() RETURNS int VOLATILE LANGUAGE sql AS 'SELECT 7'");
    let mut client =
        stage.command().env("PG_ALLOW_FUNCTIONS", "public.harmless, pg_catalog.lo_creat").stdio();
    assert_eq!(query(&mut client, "SELECT harmless()").await["rows"], json!([[7]]));
    for sql in ["SELECT touch_all()", "SELECT lo_creat(-1)"] {
        assert_eq!(query(&mut client, sql).await["error"]["code"], "forbidden", "{sql}");
    }
}

#[tokio::test]
async fn all_queries_of_tpc_h_pass_unchanged() {
    let stage = Stage::empty();
    stage.load(&format!("{FIXTURES}/tpch/schema.sql"));
    let mut client = stage.client();
    let queries = statements("tpch/queries.txt");
    assert_eq!(queries.len(), 22);
    let mut with_rows = 0;
    for sql in queries {
        let answer = query(&mut client, &sql).await;
        assert!(answer["columns"].is_array(), "{sql}: {answer}");
        with_rows += usize::from(answer["row_count"] != 0);
    }
    // The data is small, but not so small that nothing is found.
    assert!(with_rows >= 17, "{with_rows}");
}
