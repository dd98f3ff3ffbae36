#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot set its stage fails at once, with the cause"
)]

pub mod client;
mod daemon;
mod environment;
pub mod golden;
pub mod http;
pub mod issuer;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod stdio;
pub mod wire;

pub use http::HttpClient;
pub use issuer::Issuer;
pub use postgres::{Postgres, TestDatabase};
pub use process::{ServerCommand, ServerProcess};
pub use redis::{Redis, TestRedis};
pub use stdio::StdioClient;
