//! How much each client has left of its rate.

mod cells;
mod gcra;
mod window;

use std::{
    fmt::Debug,
    hash::Hash,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use mcp_errors::{Error, Result};
use tokio::time::Instant;

use self::{
    cells::Cells,
    gcra::Gcra,
    window::{Fixed, Sliding},
};
use crate::{
    rate::{Algorithm, RateLimit},
    shards::{Fingerprint, Seeds},
};

/// What one key may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the units asked for were granted.
    pub allowed: bool,
    /// The most that the key can have at once; `u32::MAX` where the limit is off.
    pub limit: u32,
    /// What the key could still take now.
    pub remaining: u32,
    /// When the key has `limit` again, if it takes nothing until then.
    pub reset_after: Duration,
    /// When the same call will be granted, if the key takes nothing until then; zero when it was.
    pub retry_after: Duration,
}

impl Decision {
    /// The decision where the limit is off.
    const UNLIMITED: Self = Self {
        allowed: true,
        limit: u32::MAX,
        remaining: u32::MAX,
        reset_after: Duration::ZERO,
        retry_after: Duration::ZERO,
    };

    /// Turns a refusal into the error that the caller reads.
    ///
    /// # Errors
    /// [`mcp_errors::ErrorKind::RateLimited`] when the units were not granted.
    pub fn admitted(self) -> Result<Self> {
        if self.allowed { Ok(self) } else { Err(Error::rate_limited(self.retry_after)) }
    }
}

/// One limit and what every key has used of it, in this process.
///
/// Keys are held as 128-bit hashes, about 64 bytes each. A key is forgotten once it has its whole limit
/// back. When `capacity` keys are known, any others share one bucket per shard (64 of them) until
/// idle keys make room, within seconds: nobody's state is lost, and no newcomer is admitted for free.
///
/// Time is tokio's, so that `tokio::time::pause` governs it in tests.
#[derive(Debug)]
pub struct Quota {
    algorithm: Algorithm,
    limit: RateLimit,
    seeds: Seeds,
    window: Option<Box<dyn Window>>,
}

impl Quota {
    /// A quota that remembers about `capacity` keys at once.
    pub fn new(algorithm: Algorithm, limit: RateLimit, capacity: NonZeroUsize) -> Self {
        let window = limit.rate().map(|rate| -> Box<dyn Window> {
            match algorithm {
                Algorithm::Gcra | Algorithm::TokenBucket | Algorithm::Leaky => {
                    Box::new(Gcra::new(rate, capacity))
                }
                Algorithm::Fixed => Box::new(Cells::<Fixed>::new(rate, capacity)),
                Algorithm::Sliding => Box::new(Cells::<Sliding>::new(rate, capacity)),
            }
        });
        Self { algorithm, limit, seeds: Seeds::default(), window }
    }

    /// The limit that every key has.
    pub fn limit(&self) -> &RateLimit {
        &self.limit
    }

    /// How units are counted.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Takes `cost` units of what `key` has left: all of them or, with a refusal, the whole units that
    /// were left. A cost above 1 is thus felt even by a key that cannot pay it, and one above the burst
    /// counts as the burst. A cost of zero counts as one.
    pub fn take(&self, key: &(impl Hash + ?Sized), cost: u32) -> Decision {
        let (Some(window), Some(rate)) = (&self.window, self.limit.rate()) else {
            return Decision::UNLIMITED;
        };
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN).min(rate.burst());
        window.take(self.seeds.fingerprint(key), cost)
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.window.as_ref().map_or(0, |window| window.keys())
    }
}

/// One way of counting. Each implementation holds the state of every key.
trait Window: Debug + Send + Sync {
    /// Decides on `cost` units, at most the burst, and records what is taken.
    fn take(&self, key: Fingerprint, cost: NonZeroU32) -> Decision;

    /// How many keys are remembered.
    fn keys(&self) -> usize;
}

/// The time since a quota was made.
#[derive(Clone, Copy, Debug)]
struct Elapsed(Instant);

impl Elapsed {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn nanos(self) -> u64 {
        // 584 years fit.
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
