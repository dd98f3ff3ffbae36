//! The texts of `RateLimit-Policy`, `RateLimit` and `Retry-After`.
//!
//! The first two are structured fields (RFC 9651) in the form of draft-ietf-httpapi-ratelimit-headers-10;
//! `q` and `r` count units, `w` and `t` are seconds. A policy's name is a lower-case word of ours.

use std::time::Duration;

use crate::{
    quota::Decision,
    rate::{Rate, RateLimit},
};

/// `RateLimit-Policy`: `"default";q=100;w=900`. None when the limit is off.
pub fn policy(name: &'static str, limit: &RateLimit) -> Option<String> {
    let rate: &Rate = limit.rate()?;
    Some(format!("\"{name}\";q={};w={}", rate.count(), whole_seconds(rate.window())))
}

/// `RateLimit`: `"default";r=42;t=30`. Goes with a [`policy`] of the same name.
pub fn rate_limit(name: &'static str, decision: &Decision) -> String {
    let reset_after = whole_seconds(decision.reset_after);
    format!("\"{name}\";r={};t={reset_after}", decision.remaining)
}

/// `Retry-After`: seconds (RFC 9110 §10.2.3), rounded up and at least 1, so that who waits is served.
pub fn retry_after(wait: Duration) -> u64 {
    whole_seconds(wait).max(1)
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_how_much_in_how_many_seconds() {
        let policy = |limit: &str| policy("default", &limit.parse().unwrap());
        assert_eq!(policy("100/15m").as_deref(), Some("\"default\";q=100;w=900"));
        assert_eq!(policy("5/1500ms").as_deref(), Some("\"default\";q=5;w=2"));
        assert_eq!(policy("off"), None);
    }

    #[test]
    fn waits_are_rounded_up_to_what_suffices() {
        let decision = Decision {
            allowed: true,
            limit: 100,
            remaining: 42,
            reset_after: Duration::from_millis(29_001),
            retry_after: Duration::ZERO,
        };
        assert_eq!(rate_limit("default", &decision), "\"default\";r=42;t=30");
        for (wait, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (900_000, 900)] {
            assert_eq!(retry_after(Duration::from_millis(wait)), seconds, "{wait} ms");
        }
    }
}
