//! What each layer keeps out when it stands alone.

use sqlx::Connection as _;

use super::{Stage, statements};
use crate::{
    Config,
    catalog::Catalogue,
    database::{Caps, Database, QueryError},
    guard::{Guard, Root},
    verdict::Policy,
};

const CAPS: Caps = Caps { skip: 0, rows: 10, bytes: 10_000, is_task: false };

/// Calls that PostgreSQL runs in a read-only transaction although they have an effect: here the layers before help.
const PAST_THE_SESSION: [&str; 6] = [
    "terminate_backend",
    "cancel_backend",
    "setseed",
    "switch_wal",
    "restore_point",
    "emit_message",
];

#[tokio::test]
async fn the_session_alone_keeps_every_write_of_the_corpus_out() {
    let mut stage = Stage::new().await;
    let database = Database::connect(&stage.config()).await.unwrap();
    let alive = stage.canaries().await;
    for sql in statements("attacks.txt") {
        if PAST_THE_SESSION.iter().any(|call| sql.contains(call)) || sql.contains("/tmp/") {
            continue;
        }
        for root in [Root::Query, Root::Explain] {
            drop(database.run(&root, &sql, &[], CAPS).await);
            assert_eq!(stage.canaries().await, alive, "{root:?} {sql}");
        }
    }
    // Nor does the next user of the only connection find a trace.
    let sql =
        "SELECT current_setting('app.tenant', true), current_setting('transaction_read_only')";
    let answer = database.run(&Root::Query, sql, &[], CAPS).await.unwrap();
    assert_eq!(serde_json::json!(answer.rows), serde_json::json!([["", "on"]]));
}

#[tokio::test]
async fn the_protocol_alone_takes_one_statement_and_the_cursor_one_query() {
    let mut stage = Stage::new().await;
    let database = Database::connect(&stage.config()).await.unwrap();
    let alive = stage.canaries().await;
    let sqlstate = async |root: Root, sql: &str| match database.run(&root, sql, &[], CAPS).await {
        Err(QueryError::Database(error)) => error.sqlstate,
        other => panic!("{sql}: {other:?}"),
    };
    for sql in ["SELECT 1; DELETE FROM canary", "SHOW work_mem; COMMIT; DELETE FROM canary"] {
        for root in [Root::Query, Root::Explain] {
            assert_eq!(sqlstate(root, sql).await, "42601", "{sql}");
        }
    }
    for sql in
        ["COMMIT", "SET work_mem = 64", "DO $$ BEGIN COMMIT; END $$", "COPY canary TO STDOUT"]
    {
        assert_eq!(sqlstate(Root::Query, sql).await, "42601", "{sql}");
    }
    // A cursor takes no statement that writes, whatever the transaction allows.
    let hidden = "WITH gone AS (DELETE FROM canary RETURNING a) SELECT * FROM gone";
    assert_eq!(sqlstate(Root::Query, hidden).await, "0A000");
    assert_eq!(stage.canaries().await, alive);
}

#[tokio::test]
async fn the_timeouts_alone_end_what_waits_or_works_too_long() {
    let mut stage = Stage::new().await;
    let database = Database::connect(&stage.config()).await.unwrap();
    let mut open = stage.owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE canary").execute(&mut *open).await.unwrap();
    for (sql, expected) in [
        ("SELECT * FROM canary", ["55P03", "57014"]),
        ("SELECT pg_sleep(60)", ["57014", "57014"]),
        ("SELECT count(*) FROM orders a, orders b, orders c", ["57014", "57014"]),
    ] {
        match database.run(&Root::Query, sql, &[], CAPS).await {
            Err(QueryError::Database(error)) => {
                assert!(expected.contains(&error.sqlstate.as_str()), "{sql}: {error}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
    // The only connection is as good as before.
    open.rollback().await.unwrap();
    let answer = database.run(&Root::Query, "SELECT * FROM canary", &[], CAPS).await.unwrap();
    assert_eq!(serde_json::json!(answer.rows), serde_json::json!([[42]]));
}

#[tokio::test]
async fn the_schema_allowlist_alone_sees_what_a_name_resolves_to() {
    let stage = Stage::new().await;
    stage.database.psql(
        "CREATE SCHEMA private; CREATE TABLE private.salaries (amount int); CREATE SEQUENCE private.numbers;
         CREATE TABLE private.customers (secret text)",
    );
    let config = Config { schemas: ["public".to_owned()].into(), ..stage.config() };
    let database = Database::connect(&config).await.unwrap();
    let (guard, catalogue) = (Guard::start().unwrap(), Catalogue::default());
    let catalog = catalogue.get(&database, &guard).await.unwrap();
    let policy = Policy::new(&config);
    for sql in [
        "SELECT * FROM private.salaries",
        "SELECT * FROM \"private\".\"salaries\"",
        "TABLE private.customers",
        "WITH salaries AS (SELECT 1) SELECT * FROM private.salaries",
        "WITH customers AS (TABLE private.customers) TABLE customers",
        "SELECT last_value FROM private.numbers",
        "SELECT (SELECT s FROM private.salaries s)",
        "SELECT * FROM customers c WHERE EXISTS (SELECT FROM private.customers p WHERE p.secret = c.name)",
        "SELECT * FROM salaries",
        "SELECT 1 FROM pg_toast.pg_toast_1255",
        "SELECT most_common_vals FROM pg_catalog.pg_stats",
    ] {
        let facts = guard.read(sql).await.unwrap();
        assert!(policy.judge(&facts, &catalog).is_err(), "{sql}");
    }
    for sql in [
        "SELECT * FROM customers",
        "WITH salaries AS (SELECT 1) SELECT * FROM salaries",
        "SELECT 'private.salaries'",
        "SELECT relname FROM pg_class",
    ] {
        let facts = guard.read(sql).await.unwrap();
        assert!(policy.judge(&facts, &catalog).is_ok(), "{sql}");
    }
}

#[tokio::test]
async fn the_parser_alone_refuses_every_statement_that_is_no_read() {
    let guard = Guard::start().unwrap();
    let words = [
        "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY", "CREATE", "DROP", "ALTER",
        "GRANT", "SET", "BEGIN", "COMMIT", "DO", "CALL", "LOCK", "NOTIFY", "LISTEN", "VACUUM",
        "PREPARE", "EXECUTE", "DECLARE",
    ];
    let mut seen = 0;
    for sql in statements("attacks.txt") {
        let writes = words.iter().any(|word| sql.starts_with(word))
            || sql.contains("DELETE FROM canary RETURNING");
        if writes {
            seen += 1;
            assert!(guard.read(&sql).await.is_err(), "{sql}");
        }
    }
    assert!(seen > 50, "{seen}");
}

#[tokio::test]
async fn the_verdict_alone_refuses_what_only_the_catalogue_knows() {
    let stage = Stage::new().await;
    let config = stage.config();
    let database = Database::connect(&config).await.unwrap();
    let (guard, catalogue) = (Guard::start().unwrap(), Catalogue::default());
    let catalog = catalogue.get(&database, &guard).await.unwrap();
    let policy = Policy::new(&config);
    let mut seen = 0;
    for sql in statements("attacks.txt") {
        // What the parser lets through is for the verdict to refuse.
        if let Ok(facts) = guard.read(&sql).await {
            seen += 1;
            assert!(policy.judge(&facts, &catalog).is_err(), "{sql}");
        }
    }
    assert!(seen > 120, "{seen}");
    for sql in statements("honest.txt") {
        let facts = guard.read(&sql).await.unwrap();
        assert!(policy.judge(&facts, &catalog).is_ok(), "{sql}");
    }
}
