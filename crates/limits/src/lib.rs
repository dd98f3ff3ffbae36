#![doc = include_str!("../README.md")]

pub mod headers;

mod bulkhead;
#[cfg(feature = "client")]
mod client;
mod deadline;
mod idempotency;
mod quota;
mod rate;
mod shards;
mod units;

pub use bulkhead::{Bulkhead, BulkheadConfig, Permit};
#[cfg(feature = "client")]
pub use client::{ExchangeBounds, HttpClient};
pub use deadline::within;
pub use idempotency::{
    ArgumentsHash, Claim, IDEMPOTENCY_KEY, IdempotencyStore, MemoryStore, Once, Outcome, Recorded,
    WriteKey,
};
pub use quota::{Decision, Quota};
pub use rate::{Algorithm, Rate, RateLimit};
pub use units::{ByteSize, HumanDuration, ParseError};
