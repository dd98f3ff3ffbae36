//! What an upstream sent before, to be used again when it says that it still holds.

use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use reqwest::header::{ETAG, HeaderValue};
use url::Url;

use crate::client::Answer;

/// What all kept bodies take together, in bytes.
const MAX_BYTES: u64 = 16 << 20;
/// How long a body is kept that nobody asks for.
const IDLE: Duration = Duration::from_hours(1);

/// Bodies by their address, each with its entity tag.
#[derive(Debug)]
pub(super) struct Validators(Cache<Url, Validated>);

/// A body and the tag that stands for it.
#[derive(Clone, Debug)]
pub(super) struct Validated {
    pub(super) etag: HeaderValue,
    pub(super) body: Bytes,
}

impl Validators {
    pub(super) fn new() -> Self {
        let weight = |url: &Url, known: &Validated| {
            u32::try_from(url.as_str().len() + known.body.len()).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(MAX_BYTES).weigher(weight).time_to_idle(IDLE);
        Self(cache.build())
    }

    pub(super) async fn of(&self, url: &Url) -> Option<Validated> {
        self.0.get(url).await
    }

    /// Keeps an answer that carries a tag.
    pub(super) async fn keep(&self, url: &Url, answer: &Answer) {
        if let Some(etag) = answer.headers.get(ETAG) {
            let known = Validated { etag: etag.clone(), body: answer.body.clone() };
            self.0.insert(url.clone(), known).await;
        }
    }
}
