#![doc = include_str!("../README.md")]

mod connection;
mod quota;

pub use connection::{Down, RedisUrl, SharedState, WhenDown};
pub use quota::SharedQuota;
