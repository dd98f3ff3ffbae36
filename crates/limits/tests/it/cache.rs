//! The cache between many callers and a source that is slow, fails or goes away.

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use mcp_errors::{Error, ErrorKind, Result};
use mcp_limits::{Cache, CacheConfig, CacheKey, CacheState};
use tokio::{sync::Notify, time::sleep};

const LONG: Duration = Duration::from_hours(1);

fn cache(fresh: Duration, max_bytes: u64) -> Cache<String> {
    Cache::new(CacheConfig { fresh, stale: LONG, max_bytes }, String::len)
}

fn key(name: &str) -> CacheKey {
    CacheKey::public(&[name])
}

fn text(text: &str) -> Ready<Result<String>> {
    ready(Ok(text.to_owned()))
}

fn failing(kind: ErrorKind) -> Ready<Result<String>> {
    ready(Err(Error::new(kind, "no")))
}

#[tokio::test]
async fn a_thousand_who_ask_for_the_same_cause_one_fetch() {
    let (cache, fetches) = (cache(LONG, 1 << 20), AtomicU32::new(0));
    let ask = async || {
        let fetch = async {
            fetches.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(20)).await;
            text("sunny").await
        };
        cache.get(key("Berlin"), fetch).await.unwrap()
    };
    let answers = join_all((0..1_000).map(|_| ask())).await;
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
    let misses = answers.iter().filter(|it| it.freshness.state == CacheState::Miss).count();
    assert_eq!(misses, 1);
    assert!(answers.iter().all(|answer| *answer.value == "sunny"));
}

#[tokio::test]
async fn when_the_one_who_fetches_goes_away_another_takes_over() {
    let cache = Arc::new(cache(LONG, 1 << 20));
    let began = Arc::new(Notify::new());
    let first = tokio::spawn({
        let (cache, began) = (Arc::clone(&cache), Arc::clone(&began));
        async move {
            let fetch = async {
                began.notify_one();
                std::future::pending().await
            };
            cache.get(key("Berlin"), fetch).await
        }
    });
    began.notified().await;
    let second = tokio::spawn(async move { cache.get(key("Berlin"), text("sunny")).await });
    tokio::task::yield_now().await;
    first.abort();
    assert_eq!(*second.await.unwrap().unwrap().value, "sunny");
}

#[tokio::test]
async fn an_old_answer_stands_in_for_a_source_that_fails_and_says_how_old_it_is() {
    let (age, cache) = (Duration::from_millis(5), cache(Duration::from_millis(1), 1 << 20));
    cache.get(key("Berlin"), text("sunny")).await.unwrap();
    sleep(age).await;
    let stale = cache.get(key("Berlin"), failing(ErrorKind::Unavailable)).await.unwrap();
    assert_eq!((stale.value.as_str(), stale.freshness.state), ("sunny", CacheState::Stale));
    assert!(stale.freshness.age >= age);
    let told = serde_json::to_value(stale.freshness).unwrap();
    assert!(told["state"] == "stale" && told["age_ms"].is_u64(), "{told}");
    // The source is asked again, and what it says counts: also that there is nothing any more.
    let gone = cache.get(key("Berlin"), failing(ErrorKind::NotFound)).await.unwrap_err();
    assert_eq!(*gone.kind(), ErrorKind::NotFound);
    let fresh = cache.get(key("Berlin"), text("rainy")).await.unwrap();
    assert_eq!((fresh.value.as_str(), fresh.freshness.state), ("rainy", CacheState::Miss));
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_and_then_forgotten() {
    let cache = cache(LONG, 1 << 20);
    let slow = async || {
        let fetch = async {
            sleep(Duration::from_millis(10)).await;
            failing(ErrorKind::Timeout).await
        };
        cache.get(key("Berlin"), fetch).await.unwrap_err()
    };
    for error in join_all((0..10).map(|_| slow())).await {
        assert_eq!((error.kind(), error.message()), (&ErrorKind::Timeout, "no"));
    }
    assert!(cache.get(key("Berlin"), text("sunny")).await.is_ok());
}

#[tokio::test]
async fn one_caller_s_answer_is_not_another_s() {
    let cache = cache(LONG, 1 << 20);
    let (ann, bob) = (CacheKey::of("ann", &["salary"]), CacheKey::of("bob", &["salary"]));
    cache.get(ann.clone(), text("12")).await.unwrap();
    assert_eq!(*cache.get(bob, text("34")).await.unwrap().value, "34");
    assert_eq!(*cache.get(ann, text("56")).await.unwrap().value, "12");
    assert_ne!(CacheKey::of("a", &["bc"]), CacheKey::of("ab", &["c"]));
    assert_ne!(CacheKey::public(&["ann", "salary"]), CacheKey::of("ann", &["salary"]));
}

#[tokio::test]
async fn what_is_kept_stays_within_its_weight() {
    let (cache, large) = (cache(LONG, 100_000), "x".repeat(1_000));
    let names: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
    for name in &names {
        cache.get(key(name), text(&large)).await.unwrap();
    }
    let mut kept = 0;
    for name in &names {
        let again = cache.get(key(name), failing(ErrorKind::NotFound)).await;
        kept += usize::from(again.is_ok());
    }
    assert!((1..300).contains(&kept), "{kept}");
}
