//! What only PostgreSQL can get wrong.

use futures::future::join_all;
use mcp_errors::Classify as _;
use sqlx::{Connection as _, PgConnection, QueryBuilder, Row as _};

use super::{
    cluster::Cluster,
    first,
    fixture::{Fixture, new_database, open},
    open_ticket, ticket,
};
use crate::store::{self, database::Driver, postgres};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_database_is_survived() {
    let cluster = Cluster::start();
    let store = open(&new_database(cluster.url()).await).await;
    let created = open_ticket(store.as_ref(), "kept").await;
    cluster.command("stop");
    let error = store.ping().await.unwrap_err();
    assert_eq!(error.kind().code(), "unavailable", "{error:?}");
    let error = store.create(ticket("lost", "b"), "ann", None).await.unwrap_err();
    assert_eq!(error.kind().code(), "unavailable", "{error:?}");
    cluster.command("start");
    store.ping().await.unwrap();
    assert_eq!(store.newest(&first(10)).await.unwrap().items, [created]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_make_the_tables_once() {
    let cluster = Cluster::shared();
    let url = new_database(cluster.url()).await;
    let stores = join_all((0..6).map(|_| open(&url))).await;
    let id = open_ticket(stores[0].as_ref(), "shared").await.id;
    for store in &stores {
        store.get(id, &first(1)).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let fixture = Fixture::postgres().await;
    let created = open_ticket(fixture.store.as_ref(), "kept").await;
    drop(fixture.store);
    assert_eq!(open(&fixture.url).await.get(created.id, &first(1)).await.unwrap().0, created);
}

#[tokio::test]
async fn commits_are_synchronous_and_calls_bounded() {
    let fixture = Fixture::postgres().await;
    let Driver::Postgres(pool) = postgres::open(&fixture.url).await.unwrap().0 else {
        panic!("not PostgreSQL")
    };
    for (setting, expected) in
        [("synchronous_commit", "on"), ("statement_timeout", "10s"), ("lock_timeout", "5s")]
    {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(value, expected, "{setting}");
    }
}

#[tokio::test]
async fn a_search_of_many_tickets_reads_indexes() {
    let fixture = Fixture::postgres().await;
    let mut connection = PgConnection::connect(&fixture.url).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO tickets (title, body, status, priority, labels, version, created_at, created_by, updated_at)
             SELECT 'number' || n, 'needle in a haystack', 'open', 'low', '[]', 1, now(), 'ann', now()
             FROM generate_series(1, 20000) AS n;
         INSERT INTO ticket_comments (ticket, author, body, created_at)
             SELECT n, 'ann', 'remark' || n, now() FROM generate_series(1, 20000) AS n;
         ANALYZE",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let mut explain = QueryBuilder::new("EXPLAIN ");
    explain.push(postgres::SEARCH);
    let wanted = postgres::match_all(&["number7".to_owned()]);
    let none: Option<String> = None;
    let plan = explain
        .build()
        .bind(wanted)
        .bind(&none)
        .bind(&none)
        .bind(&none)
        .bind(i64::MAX)
        .bind(11_i64)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let steps: Vec<String> = plan.iter().map(|step| step.get(0)).collect();
    let plan = steps.join("\n");
    assert!(
        plan.contains("tickets_by_words") && plan.contains("ticket_comments_by_words"),
        "{plan}"
    );
    assert!(!plan.contains("Seq Scan"), "{plan}");
}

#[tokio::test]
async fn a_database_that_refuses_is_unavailable_and_its_password_stays_here() {
    let url = "postgres://ann:hunter2@127.0.0.1:1/tickets";
    let error = store::open(&url.to_owned().into()).await.unwrap_err();
    assert_eq!(error.kind().code(), "unavailable");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
