//! The GitHub server as its users meet it: the real binary, before a GitHub that behaves and one that does not.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test helper fails its test")]

mod allowlist;
mod app;
mod dialogue;
mod doctor;
mod input;
mod lists;
mod lockdown;
mod misbehaviour;
mod replicas;
mod snapshots;
mod stage;
mod texts;
mod writes;
