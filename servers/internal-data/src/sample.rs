//! The embedded sample: what is answered where no internal API is configured. Always the same, and never real.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, SecondsFormat};
use mcp_chassis::{Error, JsonObject, Result};
use serde_json::Value;

use crate::{
    client::Query,
    models::{MetricType, TimeRange},
    wire::Metrics,
};

const COLLECTIONS: [(&str, &str); 4] = [
    ("users", include_str!("../sample/users.json")),
    ("orders", include_str!("../sample/orders.json")),
    ("products", include_str!("../sample/products.json")),
    ("projects", include_str!("../sample/projects.json")),
];

/// When the sample's series end, in seconds of Unix time: 2026-01-31T00:00:00Z.
const END: i64 = 1_769_817_600;

/// The records of the sample.
#[derive(Debug)]
pub(crate) struct Sample(BTreeMap<&'static str, Vec<JsonObject>>);

impl Sample {
    /// # Errors
    /// When a file cannot be read, which a test rules out.
    pub(crate) fn new() -> Result<Self, String> {
        let read = |(name, text): (&'static str, &str)| {
            let records = serde_json::from_str(text);
            Ok((name, records.map_err(|error| format!("the sample of {name}: {error}"))?))
        };
        COLLECTIONS.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The records that match, from the offset on, no more than the limit.
    pub(crate) fn records(&self, query: &Query) -> Result<Vec<JsonObject>> {
        let there_is_none = || Error::not_found("the sample data has no such collection");
        let records = self.0.get(query.collection.as_str()).ok_or_else(there_is_none)?;
        let matches = |record: &&JsonObject| {
            query.filter().is_none_or(|(field, value)| {
                record.get(field).is_some_and(|found| as_text(found) == value)
            })
        };
        let [offset, limit] =
            [query.offset, query.limit].map(|it| usize::try_from(it).unwrap_or(usize::MAX));
        Ok(records.iter().filter(matches).skip(offset).take(limit).cloned().collect())
    }

    /// The user of that id.
    pub(crate) fn user(&self, id: &str) -> Option<JsonObject> {
        let has_id = |user: &&JsonObject| user.get("id").is_some_and(|found| found == id);
        self.0.get("users")?.iter().find(has_id).cloned()
    }

    /// Numbers that look measured, from a fixed seed.
    pub(crate) fn metrics(metric: MetricType, range: TimeRange) -> Metrics {
        let (points, step) = match range {
            TimeRange::Hour => (12, 300),
            TimeRange::Day => (24, 3_600),
            TimeRange::Week => (28, 21_600),
            TimeRange::Month => (30, 86_400),
        };
        // In hundredths: the least value, and how far above it others are.
        let (least, spread) = match metric {
            MetricType::Usage => (12_000, 48_000),
            MetricType::Performance => (1_800, 9_000),
            MetricType::Health => (9_900, 100),
        };
        let point = |number: u32| {
            let at = END - step * i64::from(points - number);
            let above = noise(seed(metric) ^ at.unsigned_abs()) % (spread + 1);
            let time = DateTime::from_timestamp(at, 0).unwrap_or_default();
            (time.to_rfc3339_opts(SecondsFormat::Secs, true), f64::from(least + above) / 100.0)
        };
        Metrics::of((1..=points).map(point))
    }
}

fn as_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

fn seed(metric: MetricType) -> u64 {
    metric.as_str().bytes().fold(0, |seed, byte| seed << 8 | u64::from(byte))
}

/// `SplitMix64`, of which the upper half is kept.
fn noise(seed: u64) -> u32 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::models::Series;

    use super::*;

    #[test]
    fn there_are_about_two_hundred_records_each_with_an_id() {
        let Sample(collections) = Sample::new().unwrap();
        let records: Vec<_> = collections.values().flatten().collect();
        assert_eq!(records.len(), 200);
        assert!(records.iter().all(|record| record["id"].is_string()));
    }

    #[test]
    fn a_series_is_the_same_whenever_it_is_asked_for() {
        for (range, points) in [(TimeRange::Hour, 12), (TimeRange::Month, 30)] {
            let series = || Series::from(Sample::metrics(MetricType::Health, range));
            assert_eq!((series().values.len(), series()), (points, series()));
            assert!(series().summary.unwrap().min >= 99.0);
        }
    }
}
