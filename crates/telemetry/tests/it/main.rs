//! What an operator sees: audit files, log lines, metrics, ids.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper that fails is a failed test"
)]

mod audit;
mod audit_bounds;
mod logging;
mod metrics;
mod trace;
