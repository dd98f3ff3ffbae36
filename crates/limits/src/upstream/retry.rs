//! Whether to ask again after a failure, and how long to wait before it.

use std::time::Duration;

use crate::Failure;

/// The pause after the first attempt; it doubles after each.
const BASE: Duration = Duration::from_millis(200);
/// A longer wait is the caller's to keep, not ours.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause after `made` attempts, `None` when another would be of no use or too late.
pub(super) fn pause(failure: &Failure, made: u32, left: Duration) -> Option<Duration> {
    if !failure.broken && failure.wait.is_none() {
        return None;
    }
    // Between a half and the whole, so that callers who failed together do not come back together.
    let whole = BASE.saturating_mul(2_u32.saturating_pow(made.saturating_sub(1))).min(PATIENCE);
    let pause = rand::random_range(whole / 2..=whole).max(failure.wait.unwrap_or_default());
    (pause <= PATIENCE && pause < left).then_some(pause)
}

#[cfg(test)]
mod tests {
    use mcp_errors::Error;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn broken(wait: Option<Duration>) -> Failure {
        Failure { wait, ..Failure::broken(Error::not_found("x")) }
    }

    #[test]
    fn pauses_double_and_vary_by_half() {
        for (made, whole) in [(1, 200), (2, 400), (3, 800), (30, 2_000), (u32::MAX, 2_000)] {
            let whole = Duration::from_millis(whole);
            for _ in 0..50 {
                let pause = pause(&broken(None), made, LONG).unwrap();
                assert!((whole / 2..=whole).contains(&pause), "{made}: {pause:?}");
            }
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_or_left_to_the_caller() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(&broken(Some(second)), 1, LONG), Some(second));
        assert_eq!(pause(&broken(Some(second)), 1, second), None);
        assert_eq!(pause(&broken(Some(LONG)), 1, LONG * 9), None);
    }

    #[test]
    fn an_answer_is_not_asked_for_again() {
        assert_eq!(pause(&Failure::answered(Error::not_found("x")), 1, LONG), None);
    }
}
