//! Every algorithm against a simple model of it, on a clock that the test moves.

use std::{fmt::Debug, num::NonZeroUsize, time::Duration};

use mcp_limits::{Algorithm, Decision, Quota, RateLimit};
use proptest::prelude::*;
use tokio::time::{Instant, advance};

const ALL: [Algorithm; 5] = [
    Algorithm::Gcra,
    Algorithm::Fixed,
    Algorithm::Sliding,
    Algorithm::TokenBucket,
    Algorithm::Leaky,
];

fn quota(algorithm: Algorithm, limit: &str) -> Quota {
    let capacity = NonZeroUsize::new(100_000).unwrap();
    Quota::new(algorithm, limit.parse().unwrap(), capacity)
}

/// Runs a test on a clock that stands still unless it is advanced.
fn paused<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// An algorithm in the words of a textbook, in nanoseconds, for one key.
trait Model: Debug {
    /// Whole units that are left at `now`.
    fn left(&mut self, now: u64) -> u64;
    fn add(&mut self, now: u64, units: u64);
}

/// Tokens drop into a bucket; here in shares of one token, `interval` of which make it whole.
#[derive(Debug)]
struct TokenBucket {
    interval: u64,
    capacity: u64,
    shares: u64,
    filled_at: u64,
}

impl Model for TokenBucket {
    fn left(&mut self, now: u64) -> u64 {
        let accrued = self.shares + (now - self.filled_at);
        self.shares = accrued.min(self.capacity * self.interval);
        self.filled_at = now;
        self.shares / self.interval
    }

    fn add(&mut self, _now: u64, units: u64) {
        self.shares -= units * self.interval;
    }
}

/// Water in a bucket, which runs out steadily; a unit of it in one `interval`.
#[derive(Debug)]
struct LeakyBucket {
    interval: u64,
    capacity: u64,
    level: u64,
    measured_at: u64,
}

impl Model for LeakyBucket {
    fn left(&mut self, now: u64) -> u64 {
        self.level = self.level.saturating_sub(now - self.measured_at);
        self.measured_at = now;
        (self.capacity * self.interval - self.level) / self.interval
    }

    fn add(&mut self, _now: u64, units: u64) {
        self.level += units * self.interval;
    }
}

/// Every admitted unit with its time. Windows open with the first call after the last one's end.
#[derive(Debug)]
struct Log {
    window: u64,
    capacity: u64,
    sliding: bool,
    opened_at: Option<u64>,
    units: Vec<(u64, u64)>,
}

impl Log {
    fn used(&self, from: u64, to: u64) -> u64 {
        self.units.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, units)| units).sum()
    }
}

impl Model for Log {
    fn left(&mut self, now: u64) -> u64 {
        let mut opened_at = self.opened_at.unwrap_or(now);
        if self.sliding && now < opened_at + 2 * self.window && now >= opened_at + self.window {
            opened_at += self.window;
        } else if now >= opened_at + self.window {
            opened_at = now;
            // A window that nothing is carried over into.
            self.units.clear();
        }
        self.opened_at = Some(opened_at);
        let mut used = self.used(opened_at, now + 1);
        if self.sliding {
            let before = self.used(opened_at.saturating_sub(self.window), opened_at);
            used += (before * (opened_at + self.window - now)).div_ceil(self.window);
        }
        self.capacity.saturating_sub(used)
    }

    fn add(&mut self, now: u64, units: u64) {
        self.units.push((now, units));
    }
}

fn model(algorithm: Algorithm, limit: &RateLimit) -> Box<dyn Model> {
    let rate = limit.rate().unwrap();
    let window = u64::try_from(rate.window().as_nanos()).unwrap();
    let [count, capacity] = [rate.count(), rate.burst()].map(|it| u64::from(it.get()));
    let interval = window.div_ceil(count);
    let window = (window * capacity).div_ceil(count);
    match algorithm {
        Algorithm::Gcra | Algorithm::TokenBucket => {
            Box::new(TokenBucket { interval, capacity, shares: capacity * interval, filled_at: 0 })
        }
        Algorithm::Leaky => Box::new(LeakyBucket { interval, capacity, level: 0, measured_at: 0 }),
        Algorithm::Fixed | Algorithm::Sliding => Box::new(Log {
            window,
            capacity,
            sliding: algorithm == Algorithm::Sliding,
            opened_at: None,
            units: Vec::new(),
        }),
    }
}

fn any_limit() -> impl Strategy<Value = RateLimit> {
    (1_u32..40, 1_u32..5000, 1_u32..40).prop_map(|(count, millis, burst)| {
        format!("{count}/{millis}ms;burst={burst}").parse().unwrap()
    })
}

/// Pauses, often short, in nanoseconds, each followed by a call of some cost.
fn any_calls() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let pause = prop_oneof![Just(0_u64), 0_u64..1000, 0_u64..50_000_000, 0_u64..10_000_000_000];
    let cost = prop_oneof![8 => Just(1_u32), 2 => 1_u32..60];
    prop::collection::vec((pause, cost), 1..80)
}

/// Makes the calls and gives each one's time with its cost, as far as the burst goes, and its decision.
async fn decide(quota: &Quota, calls: &[(u64, u32)]) -> Vec<(u64, u64, Decision)> {
    let (begun, mut decisions) = (Instant::now(), Vec::new());
    for (pause, cost) in calls {
        advance(Duration::from_nanos(*pause)).await;
        let now = u64::try_from(begun.elapsed().as_nanos()).unwrap();
        let decision = quota.take("client", *cost);
        decisions.push((now, u64::from(*cost.min(&decision.limit)), decision));
    }
    decisions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_algorithm_decides_as_its_model_does(limit in any_limit(), calls in any_calls()) {
        for algorithm in ALL {
            let decisions = paused(async {
                decide(&quota(algorithm, &limit.to_string()), &calls).await
            });
            let mut model = model(algorithm, &limit);
            for (now, cost, decision) in decisions {
                let left = model.left(now);
                model.add(now, left.min(cost));
                let expected = (cost <= left, left.saturating_sub(cost));
                prop_assert_eq!(
                    (decision.allowed, u64::from(decision.remaining)), expected,
                    "{} {} at {}", algorithm, limit, now
                );
            }
        }
    }

    #[test]
    fn no_window_ever_admits_more_than_limit_and_burst(limit in any_limit(), calls in any_calls()) {
        let rate = limit.rate().unwrap();
        let (count, burst) = (u128::from(rate.count().get()), u128::from(rate.burst().get()));
        let refill = (rate.window().as_nanos() * burst).div_ceil(count);
        for algorithm in ALL {
            let decisions = paused(async {
                decide(&quota(algorithm, &limit.to_string()), &calls).await
            });
            for (first, (from, ..)) in decisions.iter().enumerate() {
                let admitted = decisions.iter().skip(first)
                    .filter(|(at, _, decision)| decision.allowed && u128::from(at - from) < refill);
                let units: u128 = admitted.map(|(_, cost, _)| u128::from(*cost)).sum();
                prop_assert!(units <= 2 * burst, "{} {}: {} units", algorithm, limit, units);
            }
        }
    }

    #[test]
    fn the_wait_that_is_told_is_the_shortest_that_suffices(limit in any_limit(), calls in any_calls()) {
        for algorithm in ALL {
            paused(async {
                let quota = quota(algorithm, &limit.to_string());
                for (pause, cost) in &calls {
                    advance(Duration::from_nanos(*pause)).await;
                    let refused = quota.take("client", *cost);
                    if refused.allowed {
                        prop_assert_eq!(refused.retry_after, Duration::ZERO);
                        continue;
                    }
                    prop_assert!(refused.retry_after <= refused.reset_after);
                    if *cost == 1 {
                        // A refused call for one unit leaves everything as it was.
                        advance(refused.retry_after.saturating_sub(Duration::from_nanos(1))).await;
                        prop_assert!(!quota.take("client", 1).allowed, "{} {}", algorithm, limit);
                        advance(Duration::from_nanos(1)).await;
                    } else {
                        advance(refused.retry_after).await;
                    }
                    prop_assert!(quota.take("client", *cost).allowed, "{} {}", algorithm, limit);
                }
                Ok(())
            })?;
        }
    }

    #[test]
    fn after_the_reset_the_whole_burst_is_there(limit in any_limit(), calls in any_calls()) {
        for algorithm in ALL {
            paused(async {
                let quota = quota(algorithm, &limit.to_string());
                let (_, _, last) = decide(&quota, &calls).await.pop().unwrap();
                advance(last.reset_after).await;
                let whole = quota.take("client", last.limit);
                prop_assert!(whole.allowed && whole.remaining == 0, "{} {}", algorithm, limit);
                Ok(())
            })?;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cost_above_the_burst_empties_the_bucket_whatever_is_in_it() {
    for algorithm in ALL {
        let quota = quota(algorithm, "60/1m;burst=5");
        let full = quota.take("full", 10);
        assert_eq!((full.allowed, full.remaining), (true, 0), "{algorithm}");
        assert!(!quota.take("full", 1).allowed, "{algorithm}");

        assert!(quota.take("half", 2).allowed);
        let half = quota.take("half", 10);
        assert_eq!((half.allowed, half.remaining), (false, 0), "{algorithm}");
        assert!(!quota.take("half", 1).allowed, "{algorithm}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_authentication_that_counts_tenfold_stops_guessing() {
    for algorithm in ALL {
        let quota = quota(algorithm, "600/1m");
        let mut guesses = 0;
        while quota.take("192.0.2.1", 1).allowed {
            guesses += 1;
            quota.take("192.0.2.1", 9);
        }
        assert_eq!(guesses, 60, "{algorithm}");
        assert!(quota.take("192.0.2.2", 1).allowed, "others are not concerned");
    }
}

#[tokio::test]
async fn a_limit_that_is_off_admits_everything_and_remembers_nobody() {
    let quota = quota(Algorithm::Gcra, "off");
    for client in 0..1000 {
        assert!(quota.take(&client, u32::MAX).admitted().is_ok());
    }
    assert_eq!(quota.keys(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_tells_the_caller_when_to_come_back() {
    let quota = quota(Algorithm::Gcra, "1/10s");
    quota.take("client", 1).admitted().unwrap();
    advance(Duration::from_secs(4)).await;
    let error = quota.take("client", 1).admitted().unwrap_err();
    assert_eq!(error.kind().retry_after(), Some(Duration::from_secs(6)));
}

#[test]
fn threads_that_share_a_key_never_get_more_than_its_burst() {
    for algorithm in ALL {
        let quota = quota(algorithm, "1000/1h");
        let admitted: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| (0..500).filter(|_| quota.take("client", 1).allowed).count())
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(admitted, 1000, "{algorithm}");
    }
}

#[tokio::test(start_paused = true)]
async fn newcomers_beyond_the_capacity_are_neither_free_nor_harmful() {
    for algorithm in ALL {
        let capacity = NonZeroUsize::new(64).unwrap();
        let quota = Quota::new(algorithm, "10/1m".parse().unwrap(), capacity);
        assert_eq!(quota.take("early", 10).remaining, 0);
        let admitted = (0..100_000).filter(|client| quota.take(client, 1).allowed).count();
        // 63 known keys with one unit each, and ten units for the crowd of each shard.
        assert!(admitted <= 63 + 64 * 10, "{algorithm}: {admitted}");
        assert!(quota.keys() <= 64);
        assert!(!quota.take("early", 1).allowed, "{algorithm}");
        advance(Duration::from_mins(3)).await;
        assert!(quota.take("late", 10).allowed, "{algorithm}: idle keys made room");
    }
}
