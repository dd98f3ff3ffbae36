//! Where an answer came from: the source itself, or what was kept of an earlier one.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// Whether an answer was kept from earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheState {
    /// It was kept, and is young enough.
    Hit,
    /// It was fetched for this call.
    Miss,
    /// It was kept and is too old, but the source fails.
    Stale,
}

/// The state of an answer and how long ago it was fetched, as a client reads it: `{state, age_ms}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// Whence it is.
    pub state: CacheState,
    /// The time since it was fetched, in milliseconds on the wire.
    #[serde(rename = "age_ms", serialize_with = "as_millis")]
    pub age: Duration,
}

fn as_millis<S: Serializer>(age: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}
