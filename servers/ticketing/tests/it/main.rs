//! The ticketing server as its clients and operators meet it: the real binary, over both transports.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy takes the helpers of an integration test for production code"
)]

mod audit;
mod auth;
mod bad_input;
mod bounds;
mod confirmation;
mod curl;
mod deployment;
mod doctor;
mod edge;
mod issuer;
mod notices;
mod oauth;
mod operations;
mod otlp;
mod pages;
mod protocol;
mod redis;
mod reload;
mod replicas;
mod sessions;
mod snapshots;
mod streams;
mod support;
mod tls;
mod writes;
