#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot set its stage fails at once, with the cause"
)]

pub mod chaos;
pub mod client;
pub mod collector;
mod daemon;
pub mod doctor;
mod environment;
pub mod golden;
pub mod http;
pub mod internal_api;
pub mod issuer;
pub mod nginx;
mod patience;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod replicas;
pub mod stdio;
pub mod surface;
pub mod wire;

pub use chaos::ChaosProxy;
pub use collector::Collector;
pub use doctor::Diagnosis;
pub use http::HttpClient;
pub use internal_api::InternalApi;
pub use issuer::Issuer;
pub use nginx::Nginx;
pub use patience::until;
pub use postgres::{Postgres, TestDatabase};
pub use process::{ServerCommand, ServerProcess};
pub use proxy::Proxy;
pub use redis::{Redis, TestRedis};
pub use replicas::Replicas;
pub use stdio::StdioClient;
