//! Redis that is away, slow, wrong or back: how soon that is known, and how often it is told.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use mcp_limits::{Algorithm, Quota};
use mcp_testkit::{Proxy, Redis};
use tokio::time::sleep;

use super::{RedisUrl, SharedState, WhenDown};
use crate::SharedQuota;

/// The longest until a guard is in its stated mode.
const LIMIT: Duration = Duration::from_millis(200);

/// A state, and the changes of its mode.
async fn observed(url: &str, when_down: WhenDown) -> (SharedState, Arc<Mutex<Vec<bool>>>) {
    let state = SharedState::new(url.parse().unwrap(), "toy", when_down);
    let changes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&changes);
    state.start(move |is_up| seen.lock().unwrap().push(is_up)).await;
    (state, changes)
}

fn quota(state: &SharedState) -> SharedQuota {
    let limit = "5/1h".parse().unwrap();
    let local = Quota::new(Algorithm::Gcra, limit, NonZeroUsize::new(100).unwrap());
    SharedQuota::new(local, Some(state), "test")
}

async fn until_up(state: &SharedState) {
    let started = Instant::now();
    while !state.is_up() {
        assert!(started.elapsed() < Duration::from_secs(20), "redis is not found again");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Takes what there is, as fast as the mode allows: within the limit at the first call, at once from then on.
async fn admitted(quota: &SharedQuota) -> usize {
    let mut admitted = 0;
    for call in 0..10 {
        let started = Instant::now();
        admitted += usize::from(quota.take("client", 1).await.unwrap().allowed);
        assert!(started.elapsed() < LIMIT, "call {call}: {:?}", started.elapsed());
    }
    admitted
}

#[tokio::test]
async fn while_redis_is_stopped_each_replica_counts_for_itself() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let (state, changes) = observed(database.url(), WhenDown::Local).await;
    let quota = quota(&state);
    assert_eq!(admitted(&quota).await, 5);
    redis.stop();
    assert_eq!(admitted(&quota).await, 5, "the replica's own count begins");
    assert_eq!(*changes.lock().unwrap(), [false], "told once");
    redis.start();
    until_up(&state).await;
    assert_eq!(*changes.lock().unwrap(), [false, true]);
    assert_eq!(admitted(&quota).await, 0, "the shared count has outlived the restart");
}

#[tokio::test]
async fn a_slow_redis_is_down_after_one_call() {
    let database = Redis::shared().database();
    let proxy = Proxy::before(database.url()).await;
    let (state, changes) = observed(proxy.url(), WhenDown::Local).await;
    let quota = quota(&state);
    assert_eq!(admitted(&quota).await, 5);
    proxy.set_delay(Duration::from_millis(500));
    assert_eq!(admitted(&quota).await, 5);
    // Probes do not take a slow answer for a recovery.
    sleep(Duration::from_secs(2)).await;
    assert!(!state.is_up());
    assert_eq!(*changes.lock().unwrap(), [false]);
    proxy.set_delay(Duration::ZERO);
    until_up(&state).await;
    assert_eq!(*changes.lock().unwrap(), [false, true]);
}

#[tokio::test]
async fn in_deny_mode_what_cannot_be_counted_is_refused() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let (state, _) = observed(database.url(), WhenDown::Deny).await;
    let quota = quota(&state);
    assert!(quota.take("client", 1).await.unwrap().allowed);
    redis.stop();
    let started = Instant::now();
    let error = quota.take("client", 1).await.unwrap_err();
    assert_eq!(error.kind().code(), "unavailable");
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
    redis.start();
    until_up(&state).await;
    assert!(quota.take("client", 1).await.unwrap().allowed);
}

#[tokio::test]
async fn a_redis_that_is_away_at_start_is_found_later() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    redis.stop();
    let (state, changes) = observed(database.url(), WhenDown::Local).await;
    assert!(!state.is_up());
    assert_eq!(*changes.lock().unwrap(), [false]);
    redis.start();
    until_up(&state).await;
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_is_down() {
    let redis = Redis::dedicated();
    let database = redis.database();
    let (state, _) = observed(database.url(), WhenDown::Local).await;
    assert!(state.is_up());
    database.command(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(admitted(&quota(&state)).await, 5);
    assert!(!state.is_up());
    database.command(&["REPLICAOF", "NO", "ONE"]);
    until_up(&state).await;
}

#[tokio::test]
async fn a_key_that_holds_something_else_concerns_its_client_alone() {
    let database = Redis::shared().database();
    let (state, changes) = observed(database.url(), WhenDown::Local).await;
    let quota = quota(&state);
    quota.take("client", 1).await.unwrap();
    let key = database.command(&["KEYS", "mcp:toy:quota:*"]);
    database.command(&["SET", &key, "nonsense"]);
    assert_eq!(admitted(&quota).await, 5, "counted by the replica");
    assert!(state.is_up() && changes.lock().unwrap().is_empty());
}

#[test]
fn a_url_that_is_none_is_refused_without_being_repeated() {
    for text in ["", "canary", "http://canary/", "redis://:canary@host:port/x"] {
        let problem = text.parse::<RedisUrl>().unwrap_err();
        assert!(problem.contains("redis://") && !problem.contains("canary"), "{text}: {problem}");
    }
    for text in ["redis://user:p%40ss@host:6379/2", "rediss://host", "valkey://host"] {
        assert!(text.parse::<RedisUrl>().is_ok(), "{text}");
    }
    let url: RedisUrl = "redis://user:canary@host".parse().unwrap();
    assert!(!format!("{url:?}").contains("canary"));
}
