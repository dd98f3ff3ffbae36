//! Results of keyed writes for servers without a store of their own, with claims that all replicas respect.

use std::{
    ops::Range,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mcp_errors::{Error, Result};
use mcp_limits::{ArgumentsHash, Claim, IdempotencyStore, Recorded, WriteKey};
use redis::Script;
use serde_json::Value;
use tokio::{runtime::Handle, time::sleep};
use uuid::Uuid;

use crate::{Down, SharedState};

/// How long a write is remembered.
const RETENTION: Duration = Duration::from_hours(24);

/// How long a claim holds that nobody renews: its replica is gone.
const LEASE: Duration = Duration::from_secs(5);

/// How often a duplicate looks whether the first has ended.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// Between two tries to tell Redis what it missed, and how many there are: ten minutes.
const ERRAND_PERIOD: Duration = Duration::from_secs(1);
const ERRAND_TRIES: usize = 600;

static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("writes/claim.lua")));
static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("writes/renew.lua")));
static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("writes/commit.lua")));
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("writes/release.lua")));

/// Keyed writes of all replicas.
///
/// A claim is a lease, renewed while the write is under way. A duplicate waits, at whichever replica, until the
/// first has ended. When a lease runs out its replica is gone, and whether the write was done is uncertain.
///
/// While the state is down no write is claimed, so none runs unprotected, whatever [`crate::WhenDown`] says.
#[derive(Clone, Debug)]
pub struct SharedWrites {
    state: SharedState,
    /// Tells this process from its replicas.
    owner: Arc<str>,
    attempts: Arc<AtomicU64>,
    lease: Duration,
}

impl SharedWrites {
    /// The writes that stand in `state`.
    pub fn new(state: &SharedState) -> Self {
        Self::with_lease(state, LEASE)
    }

    pub(crate) fn with_lease(state: &SharedState, lease: Duration) -> Self {
        let owner = Uuid::new_v4().simple().to_string().into();
        Self { state: state.clone(), owner, attempts: Arc::default(), lease }
    }

    fn key(&self, key: &WriteKey) -> String {
        self.state.key("write", key.as_str())
    }

    /// One answer of [`CLAIM`].
    async fn try_claim(&self, key: &str, arguments: &ArgumentsHash) -> Result<Vec<String>, Down> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        // Also when the caller goes away meanwhile.
        let mut claim = InDoubt { writes: self, key, attempt, is_settled: false };
        let answer = self
            .state
            .ask(async |mut connection| {
                let mut call = CLAIM.key(key);
                call.arg(arguments.as_str()).arg(&*self.owner).arg(attempt);
                call.arg(micros(self.lease)).arg(millis(RETENTION));
                call.invoke_async(&mut connection).await
            })
            .await;
        claim.is_settled = !matches!(answer, Err(Down { in_doubt: true }));
        answer
    }

    async fn try_commit(&self, key: &str, result: &str) -> Result<bool, Down> {
        let command = async |mut connection| {
            let mut call = COMMIT.key(key);
            call.arg(&*self.owner).arg(result).arg(millis(RETENTION));
            call.invoke_async(&mut connection).await
        };
        self.state.ask(command).await
    }

    /// Gives up the claim of this process that one of these attempts made.
    async fn try_release(&self, key: &str, attempts: &Range<u64>) -> Result<(), Down> {
        let command = async |mut connection| {
            let mut call = RELEASE.key(key);
            call.arg(&*self.owner).arg(attempts.start).arg(attempts.end);
            call.invoke_async(&mut connection).await
        };
        self.state.ask(command).await
    }
}

#[async_trait]
impl IdempotencyStore for SharedWrites {
    async fn claim(&self, key: &WriteKey, arguments: &ArgumentsHash) -> Result<Claim> {
        let key = self.key(key);
        loop {
            let answer = self.try_claim(&key, arguments).await?;
            let mut answer = answer.iter().map(String::as_str);
            match (answer.next(), answer.next(), answer.next()) {
                (Some("fresh"), ..) => return Ok(Claim::Fresh),
                (Some("done"), Some(arguments), Some(result)) => {
                    let arguments = ArgumentsHash::from_stored(arguments);
                    return Ok(match serde_json::from_str(result) {
                        Ok(result) => Claim::Done(Recorded { arguments, result }),
                        Err(error) => {
                            tracing::error!(%error, "the record of a write cannot be read");
                            Claim::Uncertain
                        }
                    });
                }
                (Some("running"), ..) => sleep(LOOK_PERIOD).await,
                _ => return Ok(Claim::Uncertain),
            }
        }
    }

    async fn hold(&self, key: &WriteKey) {
        let key = self.key(key);
        loop {
            sleep(self.lease / 3).await;
            let renewed = self.state.ask(async |mut connection| {
                let mut call = RENEW.key(&key);
                call.arg(&*self.owner).arg(micros(self.lease));
                call.invoke_async::<bool>(&mut connection).await
            });
            if matches!(renewed.await, Ok(false)) {
                tracing::error!("the claim of a write is gone while it is under way");
                return;
            }
        }
    }

    async fn commit(&self, key: &WriteKey, result: &Value) -> Result<()> {
        let (key, result) = (self.key(key), result.to_string());
        match self.try_commit(&key, &result).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::internal("the claim of a write is gone")),
            Err(_down) => {
                self.later(Errand::Commit { key, result });
                Ok(())
            }
        }
    }

    async fn release(&self, key: &WriteKey) -> Result<()> {
        let key = self.key(key);
        // Whichever attempt made the claim; none that comes later. Where an answer is lost the claim may be gone, the write
        // claimed anew, and that claim is not to be given up with the first one.
        let attempts = 0..self.attempts.load(Ordering::Relaxed);
        if self.try_release(&key, &attempts).await.is_err() {
            self.later(Errand::Release { key, attempts });
        }
        Ok(())
    }
}

/// A claim that nobody knows whether Redis has made. Nothing was done under it, so it is given up as soon as
/// Redis answers.
struct InDoubt<'a> {
    writes: &'a SharedWrites,
    key: &'a str,
    attempt: u64,
    is_settled: bool,
}

impl Drop for InDoubt<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            let (key, attempts) = (self.key.to_owned(), self.attempt..self.attempt + 1);
            self.writes.later(Errand::Release { key, attempts });
        }
    }
}

/// What Redis is to be told once it answers.
enum Errand {
    Commit { key: String, result: String },
    Release { key: String, attempts: Range<u64> },
}

impl SharedWrites {
    fn later(&self, errand: Errand) {
        // Where the runtime has ended, so has the replica; others wait for its lease to run out.
        let Ok(runtime) = Handle::try_current() else { return };
        let writes = self.clone();
        runtime.spawn(async move {
            for _ in 0..ERRAND_TRIES {
                let told = match &errand {
                    Errand::Commit { key, result } => {
                        writes.try_commit(key, result).await.map(drop)
                    }
                    Errand::Release { key, attempts } => writes.try_release(key, attempts).await,
                };
                if told.is_ok() {
                    return;
                }
                sleep(ERRAND_PERIOD).await;
            }
            tracing::error!("redis was away for too long: the outcome of a write stays uncertain");
        });
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "writes_tests.rs"]
mod tests;
