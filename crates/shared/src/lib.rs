#![doc = include_str!("../README.md")]

mod connection;
mod quota;
mod revocations;
mod sessions;
mod writes;

use sha2::{Digest, Sha256};

pub use connection::{Down, Reached, RedisUrl, SharedState, WhenDown};
pub use quota::SharedQuota;
pub use revocations::SharedRevocations;
pub use sessions::{Place, SessionBounds, SharedSessions};
pub use writes::SharedWrites;

/// A name of bounded length that tells nothing of who it stands for.
fn digest(name: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(name));
    digest.truncate(32);
    digest
}
