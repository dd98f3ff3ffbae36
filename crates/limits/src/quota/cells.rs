//! Where the state of every key stands: sharded, bounded, and emptied of idle keys as it is used.

use std::{collections::HashMap, fmt::Debug, num::NonZeroUsize};

use crate::{
    quota::Elapsed,
    rate::Rate,
    shards::{Fingerprint, SHARDS, Shards},
};

/// How often a shard looks for idle keys, at most, in nanoseconds. The look takes microseconds for each
/// thousand keys.
const SWEEP_EVERY: u64 = 5_000_000_000;

/// What one key has used.
pub(super) trait State: Copy + Debug + Send {
    /// When the key will be as good as new, `refill` being the time in which a whole burst accrues.
    fn restored_at(self, refill: u64) -> u64;
}

/// The state of up to `room` keys in each shard.
#[derive(Debug)]
pub(super) struct Cells<S> {
    shards: Shards<Shard<S>>,
    room: usize,
    pub(super) clock: Elapsed,
    pub(super) burst: u32,
    /// The time in which a whole burst accrues, in nanoseconds.
    pub(super) refill: u64,
}

#[derive(Debug)]
struct Shard<S> {
    known: HashMap<Fingerprint, S>,
    /// What the keys for which there was no room have used together.
    crowd: Option<S>,
    sweep_at: u64,
}

impl<S> Default for Shard<S> {
    fn default() -> Self {
        Self { known: HashMap::new(), crowd: None, sweep_at: 0 }
    }
}

impl<S: State> Cells<S> {
    /// Cells for about `capacity` keys, as evenly as their hashes spread them.
    pub(super) fn new(rate: &Rate, capacity: NonZeroUsize) -> Self {
        Self {
            shards: Shards::default(),
            room: capacity.get().div_ceil(SHARDS),
            clock: Elapsed::start(),
            burst: rate.burst().get(),
            refill: rate.refill(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.locked().map(|shard| shard.known.len()).sum()
    }

    /// Replaces the state of `key`, unless `change` fails. The state is `None` for a key that has
    /// used nothing.
    pub(super) fn update<T, E>(
        &self,
        key: Fingerprint,
        now: u64,
        change: impl FnOnce(Option<S>) -> Result<(T, S), E>,
    ) -> Result<T, E> {
        let mut shard = self.shards.lock(key);
        if now >= shard.sweep_at {
            shard.sweep(now, self.refill);
        }
        if let Some(state) = shard.known.get_mut(&key) {
            let (outcome, changed) = change(Some(*state))?;
            *state = changed;
            return Ok(outcome);
        }
        if shard.known.len() < self.room {
            let (outcome, state) = change(None)?;
            shard.known.insert(key, state);
            return Ok(outcome);
        }
        let (outcome, state) = change(shard.crowd)?;
        shard.crowd = Some(state);
        Ok(outcome)
    }
}

impl<S: State> Shard<S> {
    /// Forgets the keys that are as good as new. They stay for one interval more than they need:
    /// governor's clock starts a few nanoseconds after ours.
    fn sweep(&mut self, now: u64, refill: u64) {
        self.known.retain(|_, state| state.restored_at(refill) + SWEEP_EVERY > now);
        // The table is walked by its capacity, which a past flood may have blown up.
        self.known.shrink_to(2 * self.known.len());
        self.sweep_at = now + SWEEP_EVERY;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Until(u64);

    impl State for Until {
        fn restored_at(self, _refill: u64) -> u64 {
            self.0
        }
    }

    const CLIENTS: usize = 100_000;

    fn cells(rate: &str, capacity: usize) -> Cells<Until> {
        Cells::new(&rate.parse().unwrap(), NonZeroUsize::new(capacity).unwrap())
    }

    /// Spreads the clients evenly over the shards.
    fn key(client: usize) -> Fingerprint {
        client as Fingerprint
    }

    fn record(cells: &Cells<Until>, client: usize, now: u64, state: Until) -> Option<Until> {
        cells.update(key(client), now, |before| Ok::<_, ()>((before, state))).unwrap()
    }

    #[test]
    fn a_hundred_thousand_keys_take_less_than_16_mib() {
        let cells = cells("100/15m", CLIENTS);
        for client in 0..CLIENTS {
            record(&cells, client, 0, Until(1));
        }
        let slots: usize = cells.shards.locked().map(|shard| shard.known.capacity()).sum();
        // An entry, its control byte, and the eighth that the table keeps free.
        let bytes = slots * (size_of::<(Fingerprint, Until)>() + 1) * 8 / 7;
        assert_eq!(cells.len(), CLIENTS);
        assert!(bytes < 16 << 20, "{bytes} bytes");
    }

    #[test]
    fn keys_beyond_the_capacity_share_a_bucket_and_reset_nobody() {
        let cells = cells("100/15m", SHARDS);
        let first: Vec<_> =
            (0..CLIENTS).map(|client| record(&cells, client, 0, Until(7))).collect();
        let fresh = first.iter().filter(|before| before.is_none()).count();
        // One known key and one crowd in each shard started from nothing, nobody else did.
        assert_eq!((cells.len(), fresh), (SHARDS, 2 * SHARDS));
        for client in 0..CLIENTS {
            assert_eq!(record(&cells, client, 1, Until(7)), Some(Until(7)));
        }
    }

    #[test]
    fn idle_keys_make_room_and_their_memory_is_given_back() {
        let cells = cells("100/15m", CLIENTS);
        for client in 0..CLIENTS {
            record(&cells, client, 0, Until(1));
        }
        let later = 2 * SWEEP_EVERY;
        let busy = Until(2 * later);
        for client in 0..SHARDS * 20 {
            record(&cells, client, later, busy);
        }
        assert_eq!(cells.len(), SHARDS * 20);
        let slots: usize = cells.shards.locked().map(|shard| shard.known.capacity()).sum();
        assert!(slots < SHARDS * 20 * 8, "{slots} slots");
        assert_eq!(record(&cells, 0, 2 * later, busy), Some(busy), "a busy key stays");
    }

    proptest::proptest! {
        #[test]
        fn a_failed_change_leaves_no_trace(client in any::<usize>()) {
            let cells = cells("1/1s", 1);
            let refused = cells.update(key(client), 0, |_| Err::<((), Until), _>("no"));
            proptest::prop_assert_eq!((refused, cells.len()), (Err("no"), 0));
        }
    }
}
