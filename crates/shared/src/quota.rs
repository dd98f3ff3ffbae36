//! A quota that all replicas count together.

use std::{sync::LazyLock, time::Duration};

use mcp_errors::{Error, Result};
use mcp_limits::{Algorithm, Decision, Quota, Rate, RateLimit};
use redis::{RedisResult, Script, aio::MultiplexedConnection};

use crate::{Down, SharedState, WhenDown, digest};

/// Microseconds on Redis' clock, which is the same for every replica.
const CLOCK: &str = "local time = redis.call('TIME')\nlocal now = time[1] * 1000000 + time[2]\n";

static GCRA: LazyLock<Script> = LazyLock::new(|| script(CLOCK, include_str!("quota/gcra.lua")));
static WINDOW: LazyLock<Script> = LazyLock::new(|| script(CLOCK, include_str!("quota/window.lua")));

fn script(clock: &str, algorithm: &str) -> Script {
    Script::new(&[clock, algorithm].concat())
}

/// What each client has left of a rate, at whichever replica it calls.
///
/// The decisions are those of [`Quota`], which also takes over where the state is down and
/// [`WhenDown::Local`].
#[derive(Debug)]
pub struct SharedQuota {
    local: Quota,
    shared: Option<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: SharedState,
    counter: Counter,
}

/// How one guard counts.
#[derive(Clone, Debug)]
struct Counter {
    /// The guard and the algorithm, whose records differ.
    kind: String,
    algorithm: Algorithm,
    burst: u32,
    /// Nanoseconds: of one unit, or of a whole window.
    period: u64,
}

impl SharedQuota {
    /// Counts as `local` does; in `state`, under the name `guard`, where there is one.
    pub fn new(local: Quota, state: Option<&SharedState>, guard: &str) -> Self {
        let counter = local.limit().rate().map(|rate| Counter::new(&local, rate, guard));
        let shared = state.cloned().zip(counter).map(|(state, counter)| Shared { state, counter });
        Self { local, shared }
    }

    /// The limit that every client has.
    pub fn limit(&self) -> &RateLimit {
        self.local.limit()
    }

    /// Whether it counts so already.
    pub fn is(&self, algorithm: Algorithm, limit: RateLimit) -> bool {
        self.local.algorithm() == algorithm && *self.local.limit() == limit
    }

    /// Takes `cost` units of what `client` has left, as [`Quota::take`] does.
    ///
    /// # Errors
    /// [`mcp_errors::ErrorKind::Unavailable`] where the state is down and [`WhenDown::Deny`].
    pub async fn take(&self, client: &str, cost: u32) -> Result<Decision> {
        let Some(Shared { state, counter }) = &self.shared else {
            return Ok(self.local.take(client, cost));
        };
        match counter.take(state, client, cost).await {
            Ok(decision) => Ok(decision),
            Err(_down) if state.when_down() == WhenDown::Local => Ok(self.local.take(client, cost)),
            Err(down) => Err(Error::from(down)),
        }
    }
}

impl Counter {
    fn new(local: &Quota, rate: &Rate, guard: &str) -> Self {
        let algorithm = local.algorithm();
        let (name, period) = match algorithm {
            // Three descriptions of one decision.
            Algorithm::Gcra | Algorithm::TokenBucket | Algorithm::Leaky => {
                ("gcra", u64::try_from(rate.interval().as_nanos()).unwrap_or(u64::MAX))
            }
            Algorithm::Fixed => ("fixed", rate.refill()),
            Algorithm::Sliding => ("sliding", rate.refill()),
        };
        let kind = format!("quota:{name}:{guard}");
        Self { kind, algorithm, burst: rate.burst().get(), period }
    }

    async fn take(&self, state: &SharedState, client: &str, cost: u32) -> Result<Decision, Down> {
        let key = state.key(&self.kind, &digest(client));
        let decided = state.ask(|connection| self.run(self.script(), connection, &key, cost));
        let (allowed, remaining, reset_after, retry_after) = decided.await?;
        Ok(Decision {
            allowed,
            limit: self.burst,
            remaining,
            reset_after: Duration::from_nanos(reset_after),
            retry_after: Duration::from_nanos(retry_after),
        })
    }

    fn script(&self) -> &'static Script {
        match self.algorithm {
            Algorithm::Gcra | Algorithm::TokenBucket | Algorithm::Leaky => &GCRA,
            Algorithm::Fixed | Algorithm::Sliding => &WINDOW,
        }
    }

    async fn run(
        &self,
        script: &Script,
        mut connection: MultiplexedConnection,
        key: &str,
        cost: u32,
    ) -> RedisResult<(bool, u32, u64, u64)> {
        let cost = cost.clamp(1, self.burst);
        let carries_over = u8::from(self.algorithm == Algorithm::Sliding);
        let mut call = script.key(key);
        call.arg(self.period).arg(self.burst).arg(cost).arg(carries_over);
        call.invoke_async(&mut connection).await
    }
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
