#![doc = include_str!("../README.md")]

pub mod headers;

mod bulkhead;
#[cfg(feature = "cache")]
mod cache;
#[cfg(feature = "client")]
mod client;
mod deadline;
#[cfg(feature = "client")]
mod failure;
mod freshness;
mod idempotency;
mod quota;
mod rate;
mod shards;
mod units;
#[cfg(feature = "client")]
mod upstream;

pub use bulkhead::{Bulkhead, BulkheadConfig, Permit};
#[cfg(feature = "cache")]
pub use cache::{Cache, CacheConfig, CacheKey, Cached};
#[cfg(feature = "client")]
pub use client::{ExchangeBounds, HttpClient};
pub use deadline::within;
#[cfg(feature = "client")]
pub use failure::Failure;
pub use freshness::{CacheState, Freshness};
pub use idempotency::{
    ArgumentsHash, Claim, IDEMPOTENCY_KEY, IdempotencyStore, MemoryStore, Once, Outcome, Recorded,
    WriteKey,
};
pub use quota::{Decision, Quota};
pub use rate::{Algorithm, Rate, RateLimit};
pub use units::{ByteSize, HumanDuration, ParseError};
#[cfg(feature = "client")]
pub use upstream::{
    BaseUrl, BreakerState, Demand, IssuedToken, LiveLimits, Repeat, TokenIssuer, Upstream,
    UpstreamConfig, UpstreamCredential, UpstreamLimits, UpstreamObserver, UpstreamSecret,
};
