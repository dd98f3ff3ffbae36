//! The only module that asks anybody: the internal API or the embedded sample, and what is kept of their answers.

use std::time::Duration;

use mcp_chassis::{
    Cache, CacheConfig, CacheKey, Cached, CallContext, Check, Error, ErrorKind, JsonObject, Result,
    StartError, Upstream, UpstreamConfig, UpstreamSecret,
};
use serde_json::Value;

use crate::{
    collections::Collections,
    config::Lifetimes,
    models::{MetricType, Page, Series, ShownProfile, TimeRange},
    names::{CollectionName, FieldName, FilterValue, UserId},
    redaction::{Hidden, redact},
    sample::Sample,
    wire,
};

const AGENT: &str = concat!("mcp-internal-data/", env!("CARGO_PKG_VERSION"));
/// How the internal API is called before a caller.
const SERVICE: &str = "the internal API";
/// The header that the key is sent in.
const KEY_HEADER: &str = "x-api-key";

/// How long the last answer stands in for an API that fails.
const STALE: Duration = Duration::from_hours(1);
/// How long a probe of the internal API may take.
const PROBE: Duration = Duration::from_secs(2);
/// The most that all answers of one kind take, in bytes.
const MAX_BYTES: u64 = 32 << 20;

/// The internal API, and what is kept of its answers: for each caller apart, as the caller may see them.
#[derive(Debug)]
pub(crate) struct Client {
    source: Source,
    records: Cache<Page>,
    profiles: Cache<ShownProfile>,
    metrics: Cache<Series>,
}

#[derive(Debug)]
enum Source {
    Api(Box<Upstream>),
    Sample(Sample),
}

/// Which records are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) collection: CollectionName,
    pub(crate) filter: Option<(FieldName, FilterValue)>,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

impl Client {
    pub(crate) async fn new(
        upstream: Option<UpstreamConfig>,
        key: Option<UpstreamSecret>,
        lifetimes: Lifetimes,
    ) -> Result<Self, StartError> {
        let kept = |fresh| CacheConfig { fresh, stale: STALE, max_bytes: MAX_BYTES };
        let source = match upstream {
            Some(config) => Source::Api(Box::new(api(&config, key).await?)),
            None => Source::Sample(Sample::new().map_err(StartError::Config)?),
        };
        Ok(Self {
            source,
            records: Cache::new(kept(lifetimes.records), |page| {
                size_of_val(page) + page.records.iter().map(weight_of_record).sum::<usize>()
            }),
            profiles: Cache::new(kept(lifetimes.profiles), |shown| {
                // Names and addresses are short.
                const TEXTS: usize = 512;
                size_of_val(shown) + TEXTS
            }),
            metrics: Cache::new(kept(lifetimes.metrics), |series| {
                const TEXT: usize = 32;
                let points = series.values.as_slice();
                size_of_val(series) + size_of_val(points) + points.len() * TEXT
            }),
        })
    }

    /// What `doctor` tells of the internal API: whether it answers, and takes our key.
    pub(crate) async fn diagnose(&self, collections: &Collections) -> Option<Check> {
        let Source::Api(api) = &self.source else { return None };
        let (first, _) = collections.iter().next()?;
        let path = ["api", "v1", first.as_str()];
        let probe = async {
            let answer: Result<Vec<JsonObject>> =
                api.get_json(&path, &[("limit", "1")], PROBE).await;
            answer.map(drop)
        };
        Some(Check::run("upstream", probe).await)
    }

    /// Whether nothing of it is real.
    pub(crate) fn is_sample(&self) -> bool {
        matches!(self.source, Source::Sample(_))
    }

    /// Says whence an answer is.
    fn told<V>(&self, answer: Cached<V>, context: &CallContext) -> Cached<V> {
        context.cached(answer.freshness);
        if self.is_sample() {
            context.source("internal-data:sample");
        }
        answer
    }

    /// A page of records, without the values that the caller does not see.
    pub(crate) async fn records(
        &self,
        query: &Query,
        hidden: &[Hidden],
        context: &CallContext,
    ) -> Result<Cached<Page>> {
        let (limit, offset) = (query.limit.to_string(), query.offset.to_string());
        let (field, value) = query.filter().unzip();
        // A filter that is missing differs from any that is there.
        let (field, value) = (field.unwrap_or_default(), value.unwrap_or_default());
        let asked = [query.collection.as_str(), field, value, &limit, &offset];
        let key = key("records", &asked, context);
        let cached = self.records.get(key, self.fetch_records(query, hidden, context)).await?;
        Ok(self.told(cached, context))
    }

    async fn fetch_records(
        &self,
        query: &Query,
        hidden: &[Hidden],
        context: &CallContext,
    ) -> Result<Page> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut records = match &self.source {
            Source::Api(api) => ask_for_records(api, query, share(context)).await?,
            Source::Sample(sample) => sample.records(query)?,
        };
        // Whoever sends a whole page may have more; one that sends more than was asked for has.
        let has_more = records.len() >= limit;
        records.truncate(limit);
        let redacted = redact(&mut records, hidden);
        Ok(Page { records, redacted, has_more })
    }

    /// A user's profile, without the values that the caller does not see.
    pub(crate) async fn profile(
        &self,
        id: &UserId,
        hidden: &[Hidden],
        context: &CallContext,
    ) -> Result<Cached<ShownProfile>> {
        let key = key("profile", &[id.as_str()], context);
        let fetch = async {
            let user = match &self.source {
                Source::Api(api) => {
                    let path = ["api", "v1", "users", id.as_str()];
                    let user: Option<JsonObject> =
                        match api.get_json(&path, &[], share(context)).await {
                            Err(error) if *error.kind() == ErrorKind::NotFound => None,
                            user => Some(user?),
                        };
                    user
                }
                Source::Sample(sample) => sample.user(id.as_str()),
            };
            let user = user.ok_or_else(|| Error::not_found("no user has this id"))?;
            wire::profile(user, hidden).ok_or_else(unreadable)
        };
        let cached = self.profiles.get(key, fetch).await?;
        Ok(self.told(cached, context))
    }

    /// A series of measurements.
    pub(crate) async fn metrics(
        &self,
        metric: MetricType,
        range: TimeRange,
        context: &CallContext,
    ) -> Result<Cached<Series>> {
        let key = key("metrics", &[metric.as_str(), range.as_str()], context);
        let fetch = async {
            let metrics: wire::Metrics = match &self.source {
                Source::Api(api) => {
                    let path = ["api", "v1", "metrics", metric.as_str()];
                    api.get_json(&path, &[("range", range.as_str())], share(context)).await?
                }
                Source::Sample(_) => Sample::metrics(metric, range),
            };
            Ok(metrics.into())
        };
        let cached = self.metrics.get(key, fetch).await?;
        Ok(self.told(cached, context))
    }
}

impl Query {
    /// The filter as text.
    pub(crate) fn filter(&self) -> Option<(&str, &str)> {
        self.filter.as_ref().map(|(field, value)| (field.as_str(), value.as_str()))
    }
}

async fn api(config: &UpstreamConfig, key: Option<UpstreamSecret>) -> Result<Upstream, StartError> {
    let refused = |error: Error| StartError::Config(error.to_string());
    let upstream = Upstream::new(SERVICE, AGENT, config).map_err(refused)?;
    Ok(match key {
        Some(key) => {
            let credential = key.in_header(KEY_HEADER).await;
            let named = |error| StartError::Config(format!("INTERNAL_API_KEY: {error}"));
            upstream.with_credential(credential.map_err(named)?)
        }
        None => upstream,
    })
}

async fn ask_for_records(
    api: &Upstream,
    query: &Query,
    within: Duration,
) -> Result<Vec<JsonObject>> {
    let (limit, offset) = (query.limit.to_string(), query.offset.to_string());
    let filter = query.filter().map(|(field, value)| [("field", field), ("value", value)]);
    let mut pairs: Vec<_> = filter.into_iter().flatten().collect();
    pairs.push(("limit", &limit));
    if query.offset > 0 {
        pairs.push(("offset", &offset));
    }
    api.get_json(&["api", "v1", query.collection.as_str()], &pairs, within).await
}

/// Whatever an answer holds, and whatever a scope shows of it, is one caller's.
fn key(kind: &str, asked: &[&str], context: &CallContext) -> CacheKey {
    let scopes = context.principal().scopes().to_string();
    let question: Vec<_> = [kind, &scopes].into_iter().chain(asked.iter().copied()).collect();
    CacheKey::of(context.principal().key(), &question)
}

/// Of the time that the call has left, what asking may take; the rest is for what comes after it.
fn share(context: &CallContext) -> Duration {
    context.remaining() * 80 / 100
}

/// About how many bytes a record takes in memory.
fn weight_of_record(record: &JsonObject) -> usize {
    record.iter().map(|(name, value)| name.len() + weight(value)).sum()
}

fn weight(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => weight_of_record(fields),
        _ => 0,
    };
    size_of_val(value) + inner
}

fn unreadable() -> Error {
    let kind = ErrorKind::Upstream { service: SERVICE.into(), status: None };
    Error::new(kind, format!("{SERVICE} answered something that cannot be read"))
}
