//! The generic cell rate algorithm, by `governor` on our own store.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use governor::{
    RateLimiter, clock::Clock, middleware::StateInformationMiddleware, nanos::Nanos,
    state::StateStore,
};

use crate::{
    quota::{
        Decision, Elapsed, Window,
        cells::{Cells, State},
    },
    rate::Rate,
    shards::Fingerprint,
};

type Limiter = RateLimiter<Fingerprint, Arrivals, Elapsed, StateInformationMiddleware>;

/// A burst at once, then one unit each interval.
#[derive(Debug)]
pub(super) struct Gcra {
    limiter: Limiter,
    cells: Arc<Cells<Arrival>>,
    interval: Duration,
}

impl Gcra {
    pub(super) fn new(rate: &Rate, capacity: NonZeroUsize) -> Self {
        let cells = Arc::new(Cells::new(rate, capacity));
        let interval = rate.interval();
        // An interval of zero, which `Rate` excludes, is the one thing that governor refuses.
        let quota = governor::Quota::with_period(interval)
            .unwrap_or(governor::Quota::per_second(NonZeroU32::MIN))
            .allow_burst(rate.burst());
        let limiter = RateLimiter::new(quota, Arrivals(Arc::clone(&cells)), cells.clock);
        Self { limiter, cells, interval }
    }

    /// Takes all of `units` and says how many are left, or takes none and says when it could.
    fn take_all(&self, key: Fingerprint, units: NonZeroU32) -> Result<u32, Duration> {
        match self.limiter.check_key_n(&key, units) {
            Ok(Ok(state)) => Ok(state.remaining_burst_capacity()),
            Ok(Err(refusal)) => Err(refusal.wait_time_from(self.limiter.clock().now())),
            // More than a burst, which `Quota` excludes.
            Err(_) => Err(self.interval * units.get()),
        }
    }

    /// Takes what is left when `cost` units were refused for `wait`, and says when `cost` will be there.
    fn take_rest(&self, key: Fingerprint, cost: NonZeroU32, mut wait: Duration) -> Duration {
        let mut missed = cost;
        // Other calls may meanwhile take what is left here; each round asks for less.
        while let Some(rest) = self.within(missed, wait) {
            match self.take_all(key, rest) {
                Ok(_) => return wait + self.interval * (cost.get() - missed.get() + rest.get()),
                Err(longer) => (missed, wait) = (rest, longer),
            }
        }
        wait + self.interval * (cost.get() - missed.get())
    }

    /// The units that are there when `units` will be after `wait`; fewer than `units` in any case.
    fn within(&self, units: NonZeroU32, wait: Duration) -> Option<NonZeroU32> {
        let short = wait.as_nanos().div_ceil(self.interval.as_nanos()).max(1);
        let short = u32::try_from(short).unwrap_or(u32::MAX);
        NonZeroU32::new(units.get().saturating_sub(short))
    }
}

impl Window for Gcra {
    fn take(&self, key: Fingerprint, cost: NonZeroU32) -> Decision {
        let limit = self.cells.burst;
        match self.take_all(key, cost) {
            Ok(remaining) => Decision {
                allowed: true,
                limit,
                remaining,
                reset_after: self.interval * (limit - remaining),
                retry_after: Duration::ZERO,
            },
            Err(wait) => {
                let retry_after = self.take_rest(key, cost, wait);
                let reset_after = retry_after + self.interval * (limit - cost.get());
                Decision { allowed: false, limit, remaining: 0, reset_after, retry_after }
            }
        }
    }

    fn keys(&self) -> usize {
        self.cells.len()
    }
}

/// The theoretical arrival time, in nanoseconds on governor's clock.
#[derive(Clone, Copy, Debug)]
struct Arrival(u64);

impl State for Arrival {
    fn restored_at(self, _refill: u64) -> u64 {
        self.0
    }
}

/// Our cells, as governor sees them.
#[derive(Debug)]
struct Arrivals(Arc<Cells<Arrival>>);

impl StateStore for Arrivals {
    type Key = Fingerprint;

    fn measure_and_replace<T, F, E>(&self, key: &Fingerprint, change: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.update(*key, self.0.clock.nanos(), |arrival| {
            let (outcome, next) = change(arrival.map(|Arrival(nanos)| Nanos::new(nanos)))?;
            Ok((outcome, Arrival(next.as_u64())))
        })
    }
}

impl Clock for Elapsed {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.nanos())
    }
}
