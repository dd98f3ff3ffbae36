//! What only SQLite can get wrong.

use futures::future::join_all;
use mcp_errors::Classify as _;
use sqlx::{Connection as _, QueryBuilder, Row as _, SqliteConnection};

use super::{
    first,
    fixture::{Fixture, open},
    open_ticket, ticket,
};
use crate::store::{self, StoreError, database::Driver, sqlite};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("a/b/tickets.db").display());
    let created = open_ticket(open(&url).await.as_ref(), "kept").await;
    let reopened = open(&url).await;
    assert_eq!(reopened.get(created.id, &first(1)).await.unwrap().0, created);
}

#[tokio::test]
async fn an_acknowledged_write_is_in_the_file_and_not_only_in_the_process() {
    let fixture = Fixture::sqlite().await;
    open_ticket(fixture.store.as_ref(), "seen").await;
    // As another process would, while ours still runs and has not closed anything.
    let mut other = SqliteConnection::connect(&fixture.url).await.unwrap();
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tickets").fetch_one(&mut other).await.unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn every_commit_is_synced_and_readers_cannot_write() {
    let fixture = Fixture::sqlite().await;
    let pools = sqlite::open(&fixture.url).await.unwrap();
    let Driver::Sqlite(pools) = pools.0 else { panic!("not SQLite") };
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&pools.writer).await.unwrap();
    let synchronous: i64 =
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(&pools.writer).await.unwrap();
    let foreign: i64 =
        sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&pools.writer).await.unwrap();
    // 2 is FULL.
    assert_eq!((mode.as_str(), synchronous, foreign), ("wal", 2, 1));
    sqlx::query("DELETE FROM ticket_writes").execute(&pools.reader).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_open_a_new_file_at_once_all_succeed() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("new.db").display());
    let stores = join_all((0..6).map(|_| open(&url))).await;
    // Each store has a writer of its own: here the file's lock keeps them apart.
    join_all(stores.iter().map(|store| open_ticket(store.as_ref(), "mine"))).await;
    assert_eq!(stores[0].newest(&first(50)).await.unwrap().items.len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_memory_serves_many_calls_at_once() {
    let store = open("sqlite::memory:").await;
    join_all((0..20).map(|_| async {
        let id = open_ticket(store.as_ref(), "brief").await.id;
        store.get(id, &first(1)).await.unwrap();
    }))
    .await;
    assert_eq!(store.newest(&first(50)).await.unwrap().items.len(), 20);
    let other = open("sqlite::memory:").await;
    assert!(other.newest(&first(1)).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_search_of_a_thousand_tickets_reads_indexes() {
    let fixture = Fixture::sqlite().await;
    for number in 0..1000 {
        let new = ticket(&format!("number{number}"), "needle in a haystack");
        fixture.store.create(new, "ann", None).await.unwrap();
    }
    let mut connection = SqliteConnection::connect(&fixture.url).await.unwrap();
    let mut explain = QueryBuilder::new("EXPLAIN QUERY PLAN ");
    explain.push(sqlite::SEARCH);
    let plan = explain.build().fetch_all(&mut connection).await.unwrap();
    let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
    let full_scans: Vec<_> = steps
        .iter()
        .filter(|step| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE INDEX 0:M"))
        .collect();
    assert!(full_scans.is_empty(), "{steps:#?}");
    assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY")), "{steps:#?}");
}

#[tokio::test]
async fn a_url_that_names_no_store_is_refused_without_repeating_it() {
    for url in [
        "mysql://root:hunter2@db/x",
        "hunter2",
        "",
        "sqlite",
        "sqlite:",
        "sqlite:?mode=hunter2",
        "postgres://u:hunter2@[",
        "sqlite:x.db?hunter2=1",
    ] {
        let error = store::open(&url.to_owned().into()).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("DATABASE_URL") && !shown.contains("hunter2"), "{url}: {shown}");
        assert_eq!(error.kind().code(), "invalid_input");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    for path in ["", "file/tickets.db"] {
        let url = format!("sqlite:{}", directory.path().join(path).display());
        let error = store::open(&url.into()).await.unwrap_err();
        assert_eq!(error.kind().code(), "unavailable", "{error:?}");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_by_name() {
    let fixture = Fixture::sqlite().await;
    let mut other = SqliteConnection::connect(&fixture.url).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 9999").execute(&mut other).await.unwrap();
    let error = store::open(&fixture.url.into()).await.unwrap_err();
    assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
}
