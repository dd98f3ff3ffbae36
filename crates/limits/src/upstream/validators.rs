//! What an upstream sent before, to be used again when it says that it still holds.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use moka::future::Cache;
use reqwest::header::{ACCEPT, ETAG, HeaderMap, HeaderValue, LINK};
use url::Url;

use crate::client::Answer;

/// What all kept bodies take together, in bytes.
const MAX_BYTES: u64 = 16 << 20;
/// How long a body is kept that nobody asks for.
const IDLE: Duration = Duration::from_hours(1);

/// What was asked for: the same address may answer in several media types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sought {
    url: Url,
    accept: Option<HeaderValue>,
}

impl Sought {
    /// JSON, as is asked for where nothing else is said.
    pub(super) fn json(url: &Url) -> Self {
        Self { url: url.clone(), accept: None }
    }

    /// What the headers of a request ask for.
    pub(super) fn new(url: &Url, headers: &HeaderMap) -> Self {
        Self { url: url.clone(), accept: headers.get(ACCEPT).cloned() }
    }
}

/// Bodies by what was asked for, each with its entity tag.
#[derive(Debug)]
pub(super) struct Validators {
    known: Cache<Sought, Validated>,
    /// Most upstreams send no tags: nothing is looked for before the first one.
    has_any: AtomicBool,
}

/// A body and the tag that stands for it.
#[derive(Clone, Debug)]
pub(super) struct Validated {
    pub(super) etag: HeaderValue,
    /// Where the next page is, which a 304 need not repeat.
    pub(super) link: Option<HeaderValue>,
    pub(super) body: Bytes,
}

impl Validators {
    pub(super) fn new() -> Self {
        let weight = |sought: &Sought, known: &Validated| {
            u32::try_from(sought.url.as_str().len() + known.body.len()).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(MAX_BYTES).weigher(weight).time_to_idle(IDLE);
        Self { known: cache.build(), has_any: AtomicBool::new(false) }
    }

    pub(super) async fn of(&self, sought: &Sought) -> Option<Validated> {
        if self.has_any.load(Ordering::Relaxed) { self.known.get(sought).await } else { None }
    }

    /// Keeps an answer that carries a tag.
    pub(super) async fn keep(&self, sought: Sought, answer: &Answer) {
        if let Some(etag) = answer.headers.get(ETAG) {
            let link = answer.headers.get(LINK).cloned();
            let known = Validated { etag: etag.clone(), link, body: answer.body.clone() };
            self.has_any.store(true, Ordering::Relaxed);
            self.known.insert(sought, known).await;
        }
    }
}
