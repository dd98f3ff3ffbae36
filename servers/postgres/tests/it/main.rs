//! The PostgreSQL server against a real PostgreSQL, as its clients meet it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot set its stage fails at once"
)]

mod claims;
mod connection;
mod corpus;
mod doctor;
mod life;
mod memory;
mod query;
mod reload;
mod replicas;
mod snapshots;
mod stage;
mod tasks;
mod tools;
