//! Writes that are done exactly once, however often they are sent.

mod key;
mod memory;
mod once;
mod store;

pub use key::{ArgumentsHash, IDEMPOTENCY_KEY, WriteKey};
pub use memory::MemoryStore;
pub use once::{Once, Outcome};
pub use store::{Claim, IdempotencyStore, Recorded};
