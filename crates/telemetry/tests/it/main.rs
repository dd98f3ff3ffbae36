//! What an operator sees: audit files, log lines, metrics, ids.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a helper that fails is a failed test"
)]

mod audit;
mod logging;
mod metrics;
mod trace;
