//! Where it stands which writes were done.

use std::fmt::Debug;

use async_trait::async_trait;
use mcp_errors::Result;
use serde_json::Value;

use crate::idempotency::{ArgumentsHash, WriteKey};

/// What a store knows of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Nobody has tried it. It is now claimed, where the store keeps claims.
    Fresh,
    /// It was done.
    Done(Recorded),
    /// Somebody has claimed it and neither committed nor released: it may have been done or not.
    Uncertain,
}

/// A write that was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What it was asked to do.
    pub arguments: ArgumentsHash,
    /// What it answered.
    pub result: Value,
}

/// A memory of writes, for 24 hours at least.
///
/// A store that commits the record in one transaction with the write itself implements `claim` as a
/// look-up and the other two as no-ops; its write fails as a conflict when the record is already there.
/// Any other store must make `claim` atomic: of two callers one gets [`Claim::Fresh`].
#[async_trait]
pub trait IdempotencyStore: Send + Sync + Debug {
    /// Says what became of a write and, if nobody has tried it, claims it.
    ///
    /// # Errors
    /// When the store cannot tell. The write is then not tried.
    async fn claim(&self, key: &WriteKey, arguments: &ArgumentsHash) -> Result<Claim>;

    /// Keeps the claim of this process alive for as long as it is waited for, where claims run out by themselves.
    async fn hold(&self, _key: &WriteKey) {
        std::future::pending::<()>().await;
    }

    /// Records the result of the write that this process has claimed.
    ///
    /// # Errors
    /// When the result could not be recorded. The claim stays, and is answered as uncertain.
    async fn commit(&self, key: &WriteKey, result: &Value) -> Result<()>;

    /// Gives up the claim of this process on a write that was not done.
    ///
    /// # Errors
    /// When the claim could not be given up.
    async fn release(&self, key: &WriteKey) -> Result<()>;
}
