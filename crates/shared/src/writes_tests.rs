//! Claims of two replicas on one Redis: who writes, who waits, who is told that the outcome is uncertain.

use std::{
    future::{pending, poll_fn, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{FutureExt, future::join_all};
use mcp_errors::{Error, ErrorKind, Result};
use mcp_limits::{ArgumentsHash, Once, Outcome, WriteKey};
use mcp_testkit::{Proxy, Redis, TestRedis};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::SharedWrites;
use crate::{SharedState, WhenDown};

/// Long enough for a loaded machine, short enough to wait for its end.
const LEASE: Duration = Duration::from_millis(900);

/// A replica: its own turns, and what it shares.
struct Replica {
    once: Once,
    writes: SharedWrites,
}

impl Replica {
    async fn on(url: &str) -> Self {
        Self::sharing(&SharedState::patient(url, WhenDown::Local).await)
    }

    /// With the deadline that a server has.
    async fn impatient(url: &str) -> Self {
        let state = SharedState::new(url.parse().unwrap(), "toy", WhenDown::Local);
        state.start(|_| {}).await;
        Self::sharing(&state)
    }

    fn sharing(state: &SharedState) -> Self {
        Self { once: Once::new(), writes: SharedWrites::with_lease(state, LEASE) }
    }

    async fn write(
        &self,
        name: &str,
        call: impl Future<Output = Result<Value>>,
    ) -> Result<Outcome> {
        self.once.run(&self.writes, key(name), arguments("t"), call).await
    }

    fn is_up(&self) -> bool {
        self.writes.state.is_up()
    }
}

async fn two(database: &TestRedis) -> [Replica; 2] {
    [Replica::on(database.url()).await, Replica::on(database.url()).await]
}

fn key(name: &str) -> WriteKey {
    WriteKey::new("ann", "create_ticket", name).unwrap()
}

fn arguments(title: &str) -> ArgumentsHash {
    ArgumentsHash::of(json!({ "title": title }).as_object().unwrap()).unwrap()
}

fn done() -> impl Future<Output = Result<Value>> {
    ready(Ok(json!({ "id": "T-1" })))
}

/// A write that has no right to happen.
fn repeated() -> impl Future<Output = Result<Value>> {
    poll_fn(|_| panic!("the write was repeated"))
}

fn is_uncertain(ended: &Result<Outcome>) -> bool {
    let details = ended.as_ref().err().and_then(Error::details);
    details == Some(json!({ "outcome": "uncertain" }))
}

/// Waits for something that must come to pass.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn duplicates_at_two_replicas_do_the_write_once_and_all_get_its_result() {
    let database = Redis::shared().database();
    let replicas = two(&database).await;
    let writes = AtomicUsize::new(0);
    let calls = (0..24).map(|call| {
        replicas[call % 2].write("k", async {
            sleep(Duration::from_millis(100)).await;
            let number = writes.fetch_add(1, Ordering::Relaxed);
            Ok(json!({ "id": format!("T-{number}") }))
        })
    });
    let outcomes: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(writes.load(Ordering::Relaxed), 1);
    assert!(outcomes.iter().all(|outcome| outcome.value == json!({ "id": "T-0" })));
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.replayed).count(), 1);
}

#[tokio::test]
async fn a_key_used_with_other_arguments_at_another_replica_is_a_conflict() {
    let database = Redis::shared().database();
    let [left, right] = two(&database).await;
    left.write("k", done()).await.unwrap();
    let other = right.once.run(&right.writes, key("k"), arguments("other"), repeated()).await;
    assert_eq!(*other.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_failed_write_frees_its_key_at_every_replica() {
    let database = Redis::shared().database();
    let [left, right] = two(&database).await;
    let failed = left.write("k", async { Err(Error::not_found("no such ticket")) }).await;
    assert_eq!(*failed.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!right.write("k", done()).await.unwrap().replayed);
}

#[tokio::test]
async fn a_claim_is_renewed_for_as_long_as_its_write_takes() {
    let database = Redis::shared().database();
    let [left, right] = two(&database).await;
    let slow = left.write("k", async {
        sleep(3 * LEASE).await;
        done().await
    });
    let duplicate = async {
        sleep(LEASE / 3).await;
        right.write("k", repeated()).await
    };
    let (first, second) = tokio::join!(slow, duplicate);
    assert!(!first.unwrap().replayed);
    assert!(second.unwrap().replayed);
}

#[tokio::test]
async fn when_the_lease_of_a_lost_replica_runs_out_the_outcome_is_uncertain() {
    let database = Redis::shared().database();
    let [left, right] = two(&database).await;
    let mut lost = Box::pin(left.write("k", pending()));
    until("the claim is made", async || {
        assert!(lost.as_mut().now_or_never().is_none());
        !database.command(&["KEYS", "mcp:toy:write:*"]).is_empty()
    })
    .await;
    drop(lost);
    let started = Instant::now();
    assert!(is_uncertain(&right.write("k", repeated()).await));
    assert!(started.elapsed() < 4 * LEASE, "it waits for the lease alone");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_leaves_the_outcome_uncertain() {
    let database = Redis::shared().database();
    let [left, right] = two(&database).await;
    left.write("k", done()).await.unwrap();
    let record = database.command(&["KEYS", "mcp:toy:write:*"]);
    database.command(&["HSET", record.trim(), "result", "{\"id\":"]);
    assert!(is_uncertain(&right.write("k", repeated()).await));
}

#[tokio::test]
async fn a_result_is_kept_for_a_day_and_a_claim_no_longer() {
    let database = Redis::shared().database();
    let [left, _] = two(&database).await;
    left.write("k", done()).await.unwrap();
    let record = database.command(&["KEYS", "mcp:toy:write:*"]);
    let left: u64 = database.command(&["TTL", &record]).parse().unwrap();
    assert!((86_390..=86_400).contains(&left), "{left}");
}

#[tokio::test]
async fn without_redis_no_keyed_write_runs() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let replica = Replica::impatient(database.url()).await;
    redis.stop();
    for name in ["first", "second"] {
        let error = replica.write(name, repeated()).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unavailable);
    }
    redis.start();
    until("redis is found again", async || replica.is_up()).await;
    assert!(!replica.write("first", done()).await.unwrap().replayed);
}

#[tokio::test]
async fn a_claim_whose_answer_came_too_late_is_given_up() {
    let database = Redis::shared().database();
    let proxy = Proxy::before(database.url()).await;
    let replica = Replica::impatient(proxy.url()).await;
    // Redis knows the script from here on.
    replica.write("other", done()).await.unwrap();
    let records = || database.command(&["KEYS", "mcp:toy:write:*"]).lines().count();
    proxy.set_delay(Duration::from_millis(500));
    let error = replica.write("k", repeated()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable);
    assert_eq!(records(), 2, "the claim was made");
    proxy.set_delay(Duration::ZERO);
    until("the claim is given up", async || records() == 1 && replica.is_up()).await;
    assert!(!replica.write("k", done()).await.unwrap().replayed);
}

#[tokio::test]
async fn a_claim_that_is_given_up_twice_takes_no_later_claim_with_it() {
    let database = Redis::shared().database();
    let proxy = Proxy::before(database.url()).await;
    let replica = Replica::impatient(proxy.url()).await;
    let failed = || ready(Err(Error::not_found("nothing")));
    // Redis knows the scripts from here on.
    replica.write("other", failed()).await.unwrap_err();
    // Redis gives the claim up, and its answer is lost: it will be told again.
    let slowed = async {
        proxy.set_delay(Duration::from_millis(500));
        failed().await
    };
    replica.write("k", slowed).await.unwrap_err();
    proxy.set_delay(Duration::ZERO);
    until("redis is found again", async || replica.is_up()).await;
    let long = async {
        sleep(Duration::from_secs(2)).await;
        done().await
    };
    assert!(!replica.write("k", long).await.unwrap().replayed);
    assert!(replica.write("k", repeated()).await.unwrap().replayed);
}

#[tokio::test]
async fn a_write_that_ends_while_redis_is_away_is_recorded_when_it_is_back() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let [left, right] = two(&database).await;
    let redis = Arc::new(std::sync::Mutex::new(&mut redis));
    let written = left
        .write("k", async {
            redis.lock().unwrap().stop();
            done().await
        })
        .await;
    assert_eq!(written.unwrap().value, json!({ "id": "T-1" }));
    redis.lock().unwrap().start();
    until("the result is recorded", async || {
        let again = right.write("k", repeated()).await;
        again.is_ok_and(|outcome| outcome.replayed)
    })
    .await;
}
