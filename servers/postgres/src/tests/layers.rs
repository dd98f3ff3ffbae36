//! What each layer keeps out when it stands alone.

use super::{Stage, statements};
use crate::{
    catalog::Catalogue,
    database::{Caps, Database},
    guard::{Guard, Root},
    verdict::Policy,
};

const CAPS: Caps = Caps { rows: 10, bytes: 10_000 };

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
