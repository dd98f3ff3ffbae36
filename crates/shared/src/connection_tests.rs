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

/// How much of its quota a client was granted by ten calls, and how long the longest of them took.
async fn admitted(quota: &SharedQuota, client: &str) -> (usize, Duration) {
    let (mut admitted, mut longest) = (0, Duration::ZERO);
    for _ in 0..10 {
        let started = Instant::now();
        admitted += usize::from(quota.take(client, 1).await.unwrap().allowed);
        longest = longest.max(started.elapsed());
    }
    (admitted, longest)
}

/// A replica that counts for itself while there is a fault: at once, and told once.
///
/// A loaded machine may take long, or take Redis for slow, now and then. It does not do so every time.
async fn stands_alone(url: &str, mut fault: impl FnMut(bool)) {
    const TRIES: usize = 8;
    let (state, changes) = observed(url, WhenDown::Local).await;
    let quota = quota(&state);
    let mut seen = Vec::new();
    for attempt in 0..TRIES {
        until_up(&state).await;
        changes.lock().unwrap().clear();
        let client = format!("client-{attempt}");
        let (shared, _) = admitted(&quota, &client).await;
        let told_before = changes.lock().unwrap().len();
        fault(true);
        let (alone, longest) = admitted(&quota, &client).await;
        // Long enough for a probe that could take the fault for gone.
        sleep(Duration::from_millis(600)).await;
        let is_up = state.is_up();
        fault(false);
        until_up(&state).await;
        let told = changes.lock().unwrap().clone();
        seen.push((shared, told_before, alone, longest, is_up, told));
        if let Some((5, 0, 5, longest, false, told)) = seen.last()
            && *longest <= LIMIT
            && *told == [false, true]
        {
            let (shared, _) = admitted(&quota, &client).await;
            assert!(shared == 0 || changes.lock().unwrap().len() > 2, "the shared count was kept");
            return;
        }
    }
    panic!("{seen:#?}");
}

#[tokio::test]
async fn while_redis_is_stopped_each_replica_counts_for_itself() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    stands_alone(database.url(), |is_there| if is_there { redis.stop() } else { redis.start() })
        .await;
}

#[tokio::test]
async fn a_slow_redis_is_down_after_one_call() {
    let database = Redis::shared().database();
    let proxy = Proxy::before(database.url()).await;
    let slow = Duration::from_millis(500);
    stands_alone(proxy.url(), |is_there| {
        proxy.set_delay(if is_there { slow } else { Duration::ZERO });
    })
    .await;
}

#[tokio::test]
async fn in_deny_mode_what_cannot_be_counted_is_refused() {
    let mut redis = Redis::dedicated();
    let database = redis.database();
    let state = SharedState::patient(database.url(), WhenDown::Deny).await;
    let quota = quota(&state);
    assert!(quota.take("client", 1).await.unwrap().allowed);
    redis.stop();
    let error = quota.take("client", 1).await.unwrap_err();
    assert_eq!(error.kind().code(), "unavailable");
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
    let state = SharedState::patient(database.url(), WhenDown::Local).await;
    assert!(state.is_up());
    database.command(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(admitted(&quota(&state), "client").await.0, 5);
    assert!(!state.is_up());
    database.command(&["REPLICAOF", "NO", "ONE"]);
    until_up(&state).await;
}

#[tokio::test]
async fn a_key_that_holds_something_else_concerns_its_client_alone() {
    let database = Redis::shared().database();
    let state = SharedState::patient(database.url(), WhenDown::Local).await;
    let quota = quota(&state);
    quota.take("client", 1).await.unwrap();
    let key = database.command(&["KEYS", "mcp:toy:quota:*"]);
    database.command(&["SET", &key, "nonsense"]);
    assert_eq!(admitted(&quota, "client").await.0, 5, "counted by the replica");
    assert!(state.is_up());
}

#[tokio::test]
async fn a_redis_that_may_forget_is_known_as_one() {
    let redis = Redis::dedicated();
    let database = redis.database();
    let state = SharedState::patient(database.url(), WhenDown::Local).await;
    assert_eq!(state.may_evict().await, Some(false));
    database.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert_eq!(state.may_evict().await, Some(false), "there is no limit");
    database.command(&["CONFIG", "SET", "maxmemory", "100mb"]);
    assert_eq!(state.may_evict().await, Some(true));
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
