//! A server that misbehaves in every way, driven as a real process: the chassis keeps it harmless.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "clippy takes the helpers of an integration test for production code"
)]

mod cancellation;
mod hooks;
mod limits;
mod replicas;
mod sampling;
mod short_way;
mod support;
mod traps;
