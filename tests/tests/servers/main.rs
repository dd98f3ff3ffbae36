//! The five servers as processes, seen from outside: behind networks that fail, before clients that hold on to what they
//! can, and in the traces of a collector.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy takes the helpers of an integration test for production code"
)]

mod chaos;
mod connections;
mod full_disk;
mod process;
mod traces;
