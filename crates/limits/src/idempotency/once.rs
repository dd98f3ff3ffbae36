//! One write by way of its store: claim, call, record; or replay what was recorded.

use std::{pin::pin, sync::Arc};

use mcp_errors::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    idempotency::{ArgumentsHash, Claim, IdempotencyStore, Recorded, WriteKey},
    shards::Keyed,
};

/// Lets every write of this process happen once: its duplicates wait for it and get its result.
#[derive(Debug, Default)]
pub struct Once {
    turns: Arc<Keyed<Mutex<()>>>,
}

/// The result of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What the write answered.
    pub value: Value,
    /// Whether an earlier call did the write, and this one was told its result.
    pub replayed: bool,
}

impl Once {
    /// Nothing is under way.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does the write `call`, unless it was done before under the same key.
    ///
    /// A concurrent duplicate waits for the first. When the first fails or is dropped, the next one
    /// claims the write anew and goes by what the store says. A failure is not recorded, so a retry may
    /// succeed; but [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`] leave open what was done, so
    /// the claim stays. A store that records in the transaction of the write decides by its record.
    ///
    /// A call that fails as [`ErrorKind::Conflict`] may have lost the race against another process
    /// after its claim. The store is asked again, and a result that is now there is replayed.
    ///
    /// # Errors
    /// Those of the call and of the store's claim; [`ErrorKind::Conflict`] when the key was used with
    /// other arguments, or when it is unknown whether an earlier try has done the write.
    pub async fn run(
        &self,
        store: &dyn IdempotencyStore,
        key: WriteKey,
        arguments: ArgumentsHash,
        call: impl Future<Output = Result<Value>>,
    ) -> Result<Outcome> {
        let turn = self.turns.hold(key.as_str(), Mutex::default);
        let _turn = turn.lock().await;
        match store.claim(&key, &arguments).await? {
            Claim::Fresh => {}
            Claim::Done(recorded) => return replay(recorded, &arguments),
            Claim::Uncertain => return Err(uncertain()),
        }
        let mut call = pin!(call);
        let ended = tokio::select! {
            biased;
            ended = &mut call => ended,
            // A claim that is lost is no reason to leave the write half done.
            () = store.hold(&key) => call.await,
        };
        let error = match ended {
            Ok(value) => {
                // The write is done, whatever becomes of its record.
                store.commit(&key, &value).await.unwrap_or_else(|error| lost(&error, "record"));
                return Ok(Outcome { value, replayed: false });
            }
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Timeout | ErrorKind::Cancelled => return Err(error),
            ErrorKind::Conflict => {
                if let Ok(Claim::Done(recorded)) = store.claim(&key, &arguments).await {
                    return replay(recorded, &arguments);
                }
            }
            _ => {}
        }
        store.release(&key).await.unwrap_or_else(|error| lost(&error, "release"));
        Err(error)
    }
}

fn replay(recorded: Recorded, arguments: &ArgumentsHash) -> Result<Outcome> {
    if recorded.arguments == *arguments {
        Ok(Outcome { value: recorded.result, replayed: true })
    } else {
        Err(Error::conflict(
            "this idempotency key was used for a write with other arguments, choose a new key",
        ))
    }
}

fn uncertain() -> Error {
    Error::conflict(
        "an earlier try under this idempotency key was cut off and may have done the write: \
         look up its effect and, only if there is none, repeat it under a new key",
    )
    .with_details(json!({ "outcome": "uncertain" }))
}

/// The caller cannot mend it, and the next try under the key will be told that the outcome is uncertain.
fn lost(error: &Error, step: &'static str) {
    let cause = std::error::Error::source(error);
    tracing::error!(step, cause, "the idempotency store failed: {error}");
}
