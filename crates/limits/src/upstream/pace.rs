//! How many requests an upstream gets at once, and how quickly one after the other.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mcp_errors::{Error, ErrorKind, Result};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until, timeout_at},
};

use super::UpstreamLimits;

/// The pause that is told when there is no turn.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Turns, in the order of asking.
#[derive(Debug)]
pub(super) struct Pace {
    /// What it keeps to.
    pub(super) limits: UpstreamLimits,
    permits: Semaphore,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(limits: UpstreamLimits) -> Self {
        let permits = usize::try_from(limits.max_concurrency.get()).unwrap_or(usize::MAX);
        Self {
            limits,
            permits: Semaphore::new(permits.min(Semaphore::MAX_PERMITS)),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] when there is none before `deadline`.
    pub(super) async fn turn(&self, deadline: Instant) -> Result<SemaphorePermit<'_>> {
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or_else(crowded)?;
        let now = Instant::now();
        let slot = self.slot(now, deadline).ok_or_else(crowded)?;
        // A timer that is due already still waits for the next millisecond.
        if slot > now {
            sleep_until(slot).await;
        }
        Ok(permit)
    }

    /// The next free beginning of a request; none is taken when it is too late.
    fn slot(&self, now: Instant, deadline: Instant) -> Option<Instant> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = (*next).max(now);
        if slot > deadline {
            return None;
        }
        *next = slot + self.limits.min_interval;
        Some(slot)
    }
}

fn crowded() -> Error {
    let kind = ErrorKind::Overloaded { retry_after: RETRY_AFTER };
    Error::new(kind, "too many calls wait for the same upstream")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn pace(max_concurrency: u32, min_interval: Duration) -> Pace {
        let max_concurrency = NonZeroU32::new(max_concurrency).unwrap();
        Pace::new(UpstreamLimits { max_concurrency, min_interval, ..UpstreamLimits::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn requests_keep_their_distance() {
        let (pace, begun) = (pace(8, Duration::from_secs(1)), Instant::now());
        let deadline = begun + Duration::from_secs(2);
        for second in 0..=2 {
            drop(pace.turn(deadline).await.unwrap());
            assert_eq!(begun.elapsed(), Duration::from_secs(second));
        }
        let late = pace.turn(deadline).await.unwrap_err();
        assert_eq!(*late.kind(), ErrorKind::Overloaded { retry_after: RETRY_AFTER });
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_turned_away_at_its_deadline() {
        let (pace, begun) = (pace(1, Duration::ZERO), Instant::now());
        let _held = pace.turn(begun).await.unwrap();
        assert!(pace.turn(begun + Duration::from_secs(3)).await.is_err());
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }
}
