//! Leaves an upstream alone that fails call after call, and lets one call try whether it is back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mcp_errors::{Error, ErrorKind, Result};
use tokio::time::Instant;

use super::{BreakerState, UpstreamObserver};

/// So many calls in a row must fail, each after its retries.
const FAILURES: u32 = 10;
/// So long nobody asks then.
const PAUSE: Duration = Duration::from_secs(10);

/// Counts failed calls in a row.
#[derive(Debug)]
pub(super) struct Breaker {
    service: &'static str,
    state: Mutex<State>,
    observer: Option<Arc<dyn UpstreamObserver>>,
}

#[derive(Debug)]
enum State {
    /// Calls pass; the number of failures in a row.
    Closed(u32),
    /// No call passes until then.
    Open(Instant),
    /// One call tries; no other passes.
    Trying,
}

/// The right to make one call.
#[derive(Debug)]
#[must_use = "a breaker learns from how calls end"]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Breaker {
    pub(super) fn new(service: &'static str, observer: Option<Arc<dyn UpstreamObserver>>) -> Self {
        Self { service, state: Mutex::new(State::Closed(0)), observer }
    }

    /// Lets a call pass, or refuses it at once.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] while the upstream is left alone.
    pub(super) fn admit(&self) -> Result<Pass<'_>> {
        let mut state = self.state();
        match *state {
            State::Closed(_) => Ok(Pass { breaker: self, is_trial: false }),
            State::Open(until) if Instant::now() >= until => {
                self.enter(&mut state, State::Trying);
                Ok(Pass { breaker: self, is_trial: true })
            }
            State::Open(_) | State::Trying => {
                let text =
                    format!("{} fails again and again and is left alone for now", self.service);
                Err(Error::new(ErrorKind::Unavailable, text))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> State {
        tracing::warn!(upstream = self.service, pause = ?PAUSE, "an upstream fails and is left alone");
        State::Open(Instant::now() + PAUSE)
    }

    fn enter(&self, state: &mut State, next: State) {
        let told = match next {
            State::Closed(_) => BreakerState::Closed,
            State::Trying => BreakerState::HalfOpen,
            State::Open(_) => BreakerState::Open,
        };
        *state = next;
        self.observer.iter().for_each(|observer| observer.breaker(told));
    }
}

impl Pass<'_> {
    /// Tells how the call ended.
    pub(super) fn ended(mut self, failed: bool) {
        let mut state = self.breaker.state();
        let is_trial = std::mem::take(&mut self.is_trial);
        match (&mut *state, failed) {
            // A call from before the breaker opened knows nothing new.
            (State::Open(_) | State::Trying, _) if !is_trial => {}
            (State::Closed(failures), true) if *failures + 1 < FAILURES => *failures += 1,
            (_, true) => self.breaker.enter(&mut state, self.breaker.open()),
            (State::Closed(failures), false) => *failures = 0,
            (_, false) => self.breaker.enter(&mut state, State::Closed(0)),
        }
    }
}

impl Drop for Pass<'_> {
    /// A trial that was given up has tried nothing: the next call tries.
    fn drop(&mut self) {
        if self.is_trial {
            self.breaker.enter(&mut self.breaker.state(), State::Open(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.admit().unwrap().ended(true);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_failures_in_a_row_open_it_for_ten_seconds() {
        let breaker = Breaker::new("Open-Meteo", None);
        fail(&breaker, FAILURES - 1);
        breaker.admit().unwrap().ended(false);
        fail(&breaker, FAILURES);
        let refused = breaker.admit().unwrap_err();
        assert_eq!(*refused.kind(), ErrorKind::Unavailable);
        advance(PAUSE / 2).await;
        assert!(breaker.admit().is_err());
        advance(PAUSE / 2).await;
        breaker.admit().unwrap().ended(false);
        fail(&breaker, FAILURES - 1);
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_tries_and_its_failure_opens_it_again() {
        let breaker = Breaker::new("Open-Meteo", None);
        fail(&breaker, FAILURES);
        advance(PAUSE).await;
        let trial = breaker.admit().unwrap();
        assert!(breaker.admit().is_err());
        trial.ended(true);
        assert!(breaker.admit().is_err());
        advance(PAUSE).await;
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_given_up_leaves_the_next_one_to_try() {
        let breaker = Breaker::new("Open-Meteo", None);
        fail(&breaker, FAILURES);
        advance(PAUSE).await;
        drop(breaker.admit().unwrap());
        breaker.admit().unwrap().ended(false);
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_from_before_it_opened_does_not_close_it() {
        let breaker = Breaker::new("Open-Meteo", None);
        let early = breaker.admit().unwrap();
        fail(&breaker, FAILURES);
        early.ended(false);
        assert!(breaker.admit().is_err());
    }
}
