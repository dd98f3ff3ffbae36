//! Tokens, keys and issuers as they are met in the field, against the public API.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy takes the helpers of an integration test for production code"
)]

mod accepted;
mod forged;
mod hostile_bytes;
mod introspection;
mod issuer;
mod keys;
