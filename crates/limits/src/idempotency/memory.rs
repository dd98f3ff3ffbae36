//! The store within one process, for servers that have no other.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    sync::Mutex,
    time::Duration,
};

use async_trait::async_trait;
use mcp_errors::{Error, ErrorKind, Result};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    idempotency::{ArgumentsHash, Claim, IdempotencyStore, Recorded, WriteKey},
    shards::lock,
};

/// How long a write is remembered.
const RETENTION: Duration = Duration::from_hours(24);

/// A bounded number of writes, remembered for 24 hours and lost with the process.
///
/// When it is full, the writes that were done longest ago are forgotten first. A claim is never
/// forgotten for the sake of room: a store full of claims refuses new ones.
#[derive(Debug)]
pub struct MemoryStore {
    capacity: NonZeroUsize,
    writes: Mutex<Writes>,
}

#[derive(Debug, Default)]
struct Writes {
    entries: HashMap<WriteKey, Entry>,
    /// Those that were done, in the order in which they were; the rest are claims.
    done: VecDeque<(Instant, WriteKey)>,
}

#[derive(Debug)]
struct Entry {
    arguments: ArgumentsHash,
    claimed_at: Instant,
    result: Option<Value>,
}

impl MemoryStore {
    /// A store of at most `capacity` writes. Each keeps its result, which the output budget bounds.
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity, writes: Mutex::default() }
    }
}

#[async_trait]
impl IdempotencyStore for MemoryStore {
    async fn claim(&self, key: &WriteKey, arguments: &ArgumentsHash) -> Result<Claim> {
        let mut writes = lock(&self.writes);
        let now = Instant::now();
        writes.expire(now);
        if let Some(entry) = writes.entries.get(key) {
            return Ok(entry.claim());
        }
        if !writes.make_room(self.capacity, now) {
            let overloaded = ErrorKind::Overloaded { retry_after: Duration::from_secs(1) };
            return Err(Error::new(overloaded, "too many writes are under way, try again later"));
        }
        let entry = Entry { arguments: arguments.clone(), claimed_at: now, result: None };
        writes.entries.insert(key.clone(), entry);
        Ok(Claim::Fresh)
    }

    async fn commit(&self, key: &WriteKey, result: &Value) -> Result<()> {
        let mut writes = lock(&self.writes);
        let Writes { entries, done } = &mut *writes;
        if let Some(entry) = entries.get_mut(key)
            && entry.result.replace(result.clone()).is_none()
        {
            done.push_back((Instant::now(), key.clone()));
        }
        Ok(())
    }

    async fn release(&self, key: &WriteKey) -> Result<()> {
        let mut writes = lock(&self.writes);
        if writes.entries.get(key).is_some_and(|entry| entry.result.is_none()) {
            writes.entries.remove(key);
        }
        Ok(())
    }
}

impl Writes {
    /// Forgets the writes that were done too long ago.
    fn expire(&mut self, now: Instant) {
        while let Some((_, key)) = self.done.pop_front_if(|(at, _)| now - *at >= RETENTION) {
            self.entries.remove(&key);
        }
    }

    /// Makes room for one more, if need be by a done write or by claims that outlived every call.
    fn make_room(&mut self, capacity: NonZeroUsize, now: Instant) -> bool {
        if self.entries.len() >= capacity.get() {
            match self.done.pop_front() {
                Some((_, key)) => drop(self.entries.remove(&key)),
                None => self.entries.retain(|_, entry| now - entry.claimed_at < RETENTION),
            }
        }
        self.entries.len() < capacity.get()
    }
}

impl Entry {
    fn claim(&self) -> Claim {
        match &self.result {
            Some(result) => {
                Claim::Done(Recorded { arguments: self.arguments.clone(), result: result.clone() })
            }
            None => Claim::Uncertain,
        }
    }
}
