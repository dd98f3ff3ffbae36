//! The weather server as its users meet it: the real binary, before upstreams that behave and that do not.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test helper fails its test")]

mod doctor;
mod fallback;
mod input;
mod keeping;
mod misbehaviour;
mod replicas;
mod snapshots;
mod stage;
mod watching;
