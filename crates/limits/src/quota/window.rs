//! The windows: a whole burst is counted per the time in which it accrues.

use std::{convert::Infallible, fmt::Debug, num::NonZeroU32, time::Duration};

use crate::{
    quota::{
        Decision, Window,
        cells::{Cells, State},
    },
    shards::Fingerprint,
};

/// What one key has used, as of a moment. Times are in nanoseconds.
pub(super) trait Counter: State {
    /// The counter at `now`: a new one, or the old one with past windows left behind.
    fn at(before: Option<Self>, now: u64, window: u64) -> Self;

    /// Units that are left of `limit`.
    fn left(&self, now: u64, window: u64, limit: u32) -> u32;

    /// Counts `units`, at most what is left.
    fn add(&mut self, units: u32);

    /// How long until `cost` units, at most `limit`, are left.
    fn wait(&self, now: u64, window: u64, limit: u32, cost: u32) -> u64;
}

impl<C: Counter> Window for Cells<C> {
    fn take(&self, key: Fingerprint, cost: NonZeroU32) -> Decision {
        let (now, window, limit) = (self.clock.nanos(), self.refill, self.burst);
        let Ok(decision) = self.update(key, now, |before| {
            let mut counter = C::at(before, now, window);
            let left = counter.left(now, window, limit);
            let allowed = cost.get() <= left;
            let taken = left.min(cost.get());
            counter.add(taken);
            let wait = if allowed { 0 } else { counter.wait(now, window, limit, cost.get()) };
            let decision = Decision {
                allowed,
                limit,
                remaining: left - taken,
                reset_after: Duration::from_nanos(counter.restored_at(window) - now),
                retry_after: Duration::from_nanos(wait),
            };
            Ok::<_, Infallible>((decision, counter))
        });
        decision
    }

    fn keys(&self) -> usize {
        self.len()
    }
}

/// One window, opened by the first call after the last one's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    ends_at: u64,
    used: u32,
}

impl State for Fixed {
    fn restored_at(self, _refill: u64) -> u64 {
        self.ends_at
    }
}

impl Counter for Fixed {
    fn at(before: Option<Self>, now: u64, window: u64) -> Self {
        match before {
            Some(counter) if now < counter.ends_at => counter,
            _ => Self { ends_at: now + window, used: 0 },
        }
    }

    fn left(&self, _now: u64, _window: u64, limit: u32) -> u32 {
        limit - self.used
    }

    fn add(&mut self, units: u32) {
        self.used += units;
    }

    fn wait(&self, now: u64, _window: u64, _limit: u32, _cost: u32) -> u64 {
        self.ends_at - now
    }
}

/// Two windows side by side: what the previous one used counts as far as it still overlaps with the
/// window that ends now, as if it had been used evenly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sliding {
    ends_at: u64,
    used: u32,
    used_before: u32,
}

impl State for Sliding {
    fn restored_at(self, refill: u64) -> u64 {
        if self.used == 0 { self.ends_at } else { self.ends_at + refill }
    }
}

impl Counter for Sliding {
    fn at(before: Option<Self>, now: u64, window: u64) -> Self {
        match before {
            Some(counter) if now < counter.ends_at => counter,
            Some(Self { ends_at, used, .. }) if now < ends_at + window => {
                Self { ends_at: ends_at + window, used: 0, used_before: used }
            }
            _ => Self { ends_at: now + window, used: 0, used_before: 0 },
        }
    }

    fn left(&self, now: u64, window: u64, limit: u32) -> u32 {
        let overlap = u128::from(self.used_before) * u128::from(self.ends_at - now);
        let before = u32::try_from(overlap.div_ceil(u128::from(window))).unwrap_or(u32::MAX);
        limit.saturating_sub(self.used).saturating_sub(before)
    }

    fn add(&mut self, units: u32) {
        self.used += units;
    }

    fn wait(&self, now: u64, window: u64, limit: u32, cost: u32) -> u64 {
        let rest = self.ends_at - now;
        match limit.checked_sub(self.used.saturating_add(cost)) {
            Some(room) => rest.saturating_sub(overlap_for(room, self.used_before, window)),
            // Not before this window has become the previous one.
            None => rest + window - overlap_for(limit - cost, self.used, window),
        }
    }
}

/// The longest overlap with a window of `used` units in which these count as `room` at most.
fn overlap_for(room: u32, used: u32, window: u64) -> u64 {
    let overlap = (u128::from(room) * u128::from(window)).checked_div(u128::from(used));
    overlap.and_then(|overlap| u64::try_from(overlap).ok()).map_or(window, |it| it.min(window))
}
