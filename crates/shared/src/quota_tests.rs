//! The scripts against the in-process limiter, on one clock; and several replicas against one limit.

use std::{num::NonZeroUsize, time::Duration};

use mcp_limits::{Algorithm, Decision, Quota, RateLimit};
use mcp_testkit::{Redis, TestRedis};
use proptest::{prelude::*, test_runner::TestRunner};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, advance},
};

use super::{Counter, SharedQuota, script};
use crate::{SharedState, WhenDown};

const ALL: [Algorithm; 5] = [
    Algorithm::Gcra,
    Algorithm::Fixed,
    Algorithm::Sliding,
    Algorithm::TokenBucket,
    Algorithm::Leaky,
];

/// A clock that the test moves; the keys' own expiry would go by another.
const CLOCK: &str = "\
local now = tonumber(ARGV[5])
local redis = { call = function(command, key, value)
  if command == 'SET' then return redis.call(command, key, value) end
  return redis.call(command, key)
end }
";

fn quota(algorithm: Algorithm, limit: &RateLimit) -> Quota {
    Quota::new(algorithm, *limit, NonZeroUsize::new(1_000).unwrap())
}

async fn state(database: &TestRedis) -> SharedState {
    SharedState::patient(database.url(), WhenDown::Deny).await
}

fn any_limit() -> impl Strategy<Value = RateLimit> {
    (1_u32..40, 1_u32..5000, 1_u32..40).prop_map(|(count, millis, burst)| {
        format!("{count}/{millis}ms;burst={burst}").parse().unwrap()
    })
}

/// Pauses, often short, in microseconds, each followed by a call of some cost.
fn any_calls() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let pause = prop_oneof![Just(0_u64), 0_u64..1000, 0_u64..50_000, 0_u64..10_000_000];
    let cost = prop_oneof![8 => Just(1_u32), 2 => 1_u32..60];
    prop::collection::vec((pause, cost), 1..40)
}

fn decided(answer: (bool, u32, u64, u64), limit: u32) -> Decision {
    let (allowed, remaining, reset_after, retry_after) = answer;
    let [reset_after, retry_after] = [reset_after, retry_after].map(Duration::from_nanos);
    Decision { allowed, limit, remaining, reset_after, retry_after }
}

/// What the limiter of one process decides.
fn locally(algorithm: Algorithm, limit: &RateLimit, calls: &[(u64, u32)]) -> Vec<(u64, Decision)> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (quota, begun, mut decisions) = (quota(algorithm, limit), Instant::now(), Vec::new());
        for (pause, cost) in calls {
            advance(Duration::from_micros(*pause)).await;
            let now = u64::try_from(begun.elapsed().as_micros()).unwrap();
            decisions.push((now, quota.take("client", *cost)));
        }
        decisions
    })
}

#[test]
fn the_scripts_decide_as_the_limiter_of_one_process_does() {
    let database = Redis::shared().database();
    let runtime = Runtime::new().unwrap();
    let mut connection = runtime.block_on(async {
        let client = redis::Client::open(database.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    });
    let mut runs = 0;
    let config = ProptestConfig { cases: 60, ..ProptestConfig::default() };
    let test = |(limit, calls): (RateLimit, Vec<(u64, u32)>)| {
        for algorithm in ALL {
            runs += 1;
            let key = format!("run-{runs}");
            let counter = Counter::new(&quota(algorithm, &limit), limit.rate().unwrap(), "test");
            let text = match counter.kind.as_str() {
                "quota:gcra:test" => include_str!("quota/gcra.lua"),
                _ => include_str!("quota/window.lua"),
            };
            let script = script(CLOCK, text);
            let slides = u8::from(algorithm == Algorithm::Sliding);
            let decisions = locally(algorithm, &limit, &calls);
            for ((now, expected), (_, cost)) in decisions.into_iter().zip(&calls) {
                // As if since long ago, where a double has no bits to spare.
                let now = now + 1_800_000_000_000_000;
                let mut call = script.key(&key);
                call.arg(counter.period).arg(counter.burst).arg((*cost).min(counter.burst));
                call.arg(slides).arg(now);
                let answer = runtime.block_on(call.invoke_async(&mut connection)).unwrap();
                let answer = decided(answer, counter.burst);
                prop_assert_eq!(answer, expected, "{} {} at {}", algorithm, limit, now);
            }
        }
        Ok(())
    };
    let mut runner = TestRunner::new(config);
    // One shared connection, so that the cases run one after the other.
    let test = std::cell::RefCell::new(test);
    runner.run(&(any_limit(), any_calls()), |case| (test.borrow_mut())(case)).unwrap();
}

#[tokio::test]
async fn replicas_together_admit_what_one_would() {
    let database = Redis::shared().database();
    let replicas = [state(&database).await, state(&database).await, state(&database).await];
    for algorithm in ALL {
        let limit = "20/1h".parse().unwrap();
        let guard = algorithm.to_string();
        let quotas = replicas
            .each_ref()
            .map(|state| SharedQuota::new(quota(algorithm, &limit), Some(state), &guard));
        let mut admitted = 0;
        for round in 0..30 {
            let decision = quotas[round % 3].take("client", 1).await.unwrap();
            admitted += usize::from(decision.allowed);
            assert_eq!(decision.limit, 20);
            assert!(decision.allowed || decision.retry_after > Duration::ZERO);
        }
        assert_eq!(admitted, 20, "{algorithm}");
        assert!(quotas[0].take("another client", 1).await.unwrap().allowed);
    }
}

#[tokio::test]
async fn concurrent_calls_at_two_replicas_never_get_more_than_the_burst() {
    let database = Redis::shared().database();
    let [left, right] = [state(&database).await, state(&database).await];
    for algorithm in ALL {
        let quotas = [&left, &right].map(|state| {
            let local = quota(algorithm, &"50/1h".parse().unwrap());
            SharedQuota::new(local, Some(state), &algorithm.to_string())
        });
        let calls = (0..100).map(|call| quotas[call % 2].take("client", 1));
        let decisions = futures::future::join_all(calls).await;
        let admitted = decisions.iter().filter(|it| it.as_ref().unwrap().allowed).count();
        assert_eq!(admitted, 50, "{algorithm}");
    }
}

#[tokio::test]
async fn every_key_expires_and_tells_nothing_of_its_client() {
    let database = Redis::shared().database();
    let state = state(&database).await;
    for algorithm in ALL {
        let quota = quota(algorithm, &"10/2s".parse().unwrap());
        let quota = SharedQuota::new(quota, Some(&state), &algorithm.to_string());
        quota.take("alice@example.com", 10).await.unwrap();
    }
    let keys = database.command(&["KEYS", "mcp:toy:quota:*"]);
    assert_eq!(keys.lines().count(), 5, "{keys}");
    assert!(!keys.contains("alice"), "{keys}");
    for key in keys.lines() {
        let left: i64 = database.command(&["PTTL", key]).parse().unwrap();
        assert!((1..=4_100).contains(&left), "{key}: {left}");
    }
}

#[tokio::test]
async fn a_limit_that_is_off_asks_nobody() {
    let url = "redis://127.0.0.1:1/".parse().unwrap();
    let state = SharedState::new(url, "toy", WhenDown::Deny);
    let off = SharedQuota::new(quota(Algorithm::Gcra, &RateLimit::Off), Some(&state), "off");
    assert!(off.take("client", u32::MAX).await.unwrap().allowed);
}
