//! The internal-data server as a process, before the sample, recorded answers and a real API.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test helper fails its test")]

mod doctor;
mod exposure;
mod figures;
mod input;
mod keeping;
mod keys;
mod misbehaviour;
mod paging;
mod redaction;
mod reload;
mod replicas;
mod sample;
mod scopes;
mod snapshots;
mod stage;
mod upstream;
