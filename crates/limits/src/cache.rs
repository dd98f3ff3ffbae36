//! Answers that are kept for a while: fetched once however many ask, and stale rather than none.

use std::{any::Any, fmt, iter, pin::Pin, sync::Arc, time::Duration};

use mcp_errors::{Error, Result};
use tokio::time::Instant;

use crate::{CacheState, Freshness};

/// The size of a [`Cache`] and how long it keeps.
#[derive(Clone, Copy, Debug)]
pub struct CacheConfig {
    /// How long an answer is as good as a new one.
    pub fresh: Duration,
    /// How much longer it stands in for a source that fails.
    pub stale: Duration,
    /// The most that all answers weigh together, in bytes.
    pub max_bytes: u64,
}

/// Whose answer it is, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey(Vec<u8>);

impl CacheKey {
    /// An answer that is the same for everybody.
    pub fn public(question: &[impl AsRef<[u8]>]) -> Self {
        Self::new("", question)
    }

    /// An answer for `principal` alone.
    pub fn of(principal: &str, question: &[impl AsRef<[u8]>]) -> Self {
        Self::new(principal, question)
    }

    /// The length before each part keeps `["a", "bc"]` apart from `["ab", "c"]`.
    fn new(principal: &str, question: &[impl AsRef<[u8]>]) -> Self {
        let mut key = Vec::with_capacity(96);
        for part in iter::once(principal.as_bytes()).chain(question.iter().map(AsRef::as_ref)) {
            key.extend_from_slice(&part.len().to_le_bytes());
            key.extend_from_slice(part);
        }
        Self(key)
    }
}

/// An answer and where it came from.
#[derive(Clone, Debug)]
pub struct Cached<V> {
    /// The answer.
    pub value: Arc<V>,
    /// Whence it is, and how old.
    pub freshness: Freshness,
}

/// Answers of one kind.
pub struct Cache<V> {
    fresh: Layer,
    kept: Layer,
    weigh: fn(&V) -> usize,
}

/// One kind of table for every kind of answer: each further one would be a hundred kilobytes of code.
type Layer = moka::future::Cache<CacheKey, Entry>;

#[derive(Clone, Debug)]
struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    fetched_at: Instant,
    bytes: u32,
}

impl<V: Send + Sync + 'static> Cache<V> {
    /// An empty cache; `weigh` says about how many bytes an answer takes.
    pub fn new(config: CacheConfig, weigh: fn(&V) -> usize) -> Self {
        // Two layers with shared values: what has left the first may still be in the second.
        let fresh = layer(config.fresh, config.max_bytes);
        let kept = layer(config.fresh + config.stale, config.max_bytes);
        Self { fresh, kept, weigh }
    }

    /// The answer under `key`: kept, or of `fetch`. Whoever asks for the same meanwhile waits for the one
    /// that fetches; when that one goes away, another takes over.
    ///
    /// # Errors
    /// Those of `fetch`, where nothing older may stand in.
    pub async fn get(
        &self,
        key: CacheKey,
        fetch: impl Future<Output = Result<V>> + Send,
    ) -> Result<Cached<V>> {
        // Most questions end here, before anything is made ready to fetch.
        if let Some(entry) = self.fresh.get(&key).await {
            return entry.cached(CacheState::Hit);
        }
        let fetched: Pin<Box<dyn Future<Output = Result<Entry>> + Send + '_>> = Box::pin(async {
            let entry = self.entry(&key, fetch.await?);
            self.kept.insert(key.clone(), entry.clone()).await;
            Ok(entry)
        });
        match self.fresh.entry_by_ref(&key).or_try_insert_with(fetched).await {
            Ok(found) if found.is_fresh() => found.into_value().cached(CacheState::Miss),
            Ok(found) => found.into_value().cached(CacheState::Hit),
            Err(error) => match self.stand_in(&key, &error).await {
                Some(older) => older.cached(CacheState::Stale),
                None => Err(shared(error)),
            },
        }
    }

    fn entry(&self, key: &CacheKey, value: V) -> Entry {
        let bytes = key.0.len() + (self.weigh)(&value);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Entry { value: Arc::new(value), fetched_at: Instant::now(), bytes }
    }

    /// An older answer, unless the failure is an answer itself: what is gone stays gone.
    async fn stand_in(&self, key: &CacheKey, error: &Error) -> Option<Entry> {
        if error.kind().retryable() { self.kept.get(key).await } else { None }
    }
}

fn layer(lifetime: Duration, max_bytes: u64) -> Layer {
    moka::future::Cache::builder()
        .time_to_live(lifetime)
        .max_capacity(max_bytes)
        .weigher(|_: &CacheKey, entry: &Entry| entry.bytes)
        .build()
}

impl Entry {
    fn cached<V: Send + Sync + 'static>(self, state: CacheState) -> Result<Cached<V>> {
        let age = match state {
            CacheState::Miss => Duration::ZERO,
            CacheState::Hit | CacheState::Stale => self.fetched_at.elapsed(),
        };
        let value = self.value.downcast().map_err(|_other| {
            Error::internal("the cache holds an answer of another kind under this key")
        })?;
        Ok(Cached { value, freshness: Freshness { state, age } })
    }
}

impl<V> fmt::Debug for Cache<V> {
    /// Without what is kept, which may be anybody's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

/// One failure for everybody who waited for it.
fn shared(error: Arc<Error>) -> Error {
    let copy = Error::new(error.kind().clone(), error.message().to_owned());
    copy.with_source(error)
}
