//! What a caller sees of internal data.

use mcp_chassis::{CacheState, Freshness, JsonObject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::redaction::Hidden;

/// Whence an answer is; part of every answer.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(crate) struct Origin {
    /// Present when this is sample data of the server's own, in which nothing is real
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    sample: bool,
    /// What to tell a person who reads the data
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
    /// Present when the internal API fails now and this is its last answer; `_meta` has its age
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

impl Origin {
    pub(crate) fn new(sample: bool, freshness: Option<Freshness>) -> Self {
        let notice = "embedded sample data: no internal API is configured, nothing here is real";
        Self {
            sample,
            notice: sample.then_some(notice),
            stale: freshness.is_some_and(|freshness| freshness.state == CacheState::Stale),
        }
    }
}

/// A part of a collection, as one caller may see it.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) records: Vec<JsonObject>,
    pub(crate) redacted: Vec<Hidden>,
    /// Whether there may be more behind it.
    pub(crate) has_more: bool,
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    /// The id that `get_user_profile` takes
    pub(crate) id: String,
    /// The full name
    pub(crate) name: Option<String>,
    /// The address of work
    pub(crate) email: Option<String>,
    /// Where the person works
    pub(crate) department: Option<String>,
    /// When the account was made
    pub(crate) created_at: Option<String>,
}

/// A profile, as one caller may see it.
#[derive(Clone, Debug)]
pub(crate) struct ShownProfile {
    pub(crate) profile: Profile,
    pub(crate) redacted: Vec<Hidden>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MetricType {
    /// Requests served.
    Usage,
    /// Milliseconds that requests take.
    Performance,
    /// Percent of checks that pass.
    Health,
}

impl MetricType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Performance => "performance",
            Self::Health => "health",
        }
    }
}

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum TimeRange {
    /// The last hour.
    #[serde(rename = "1h")]
    Hour,
    /// The last day.
    #[default]
    #[serde(rename = "24h")]
    Day,
    /// The last week.
    #[serde(rename = "7d")]
    Week,
    /// The last 30 days.
    #[serde(rename = "30d")]
    Month,
}

impl TimeRange {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Point {
    /// When, as the internal API writes it
    pub(crate) timestamp: Timestamp,
    /// How much
    pub(crate) value: f64,
}

/// A time as it was given: a text, or a number such as Unix time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Timestamp {
    /// `2026-01-31T14:00:00Z`.
    Text(String),
    /// `1769868000`.
    Number(Number),
}

/// A series in three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Summary {
    /// The least value
    pub(crate) min: f64,
    /// The greatest value
    pub(crate) max: f64,
    /// The mean of all values
    pub(crate) avg: f64,
}

/// A series of measurements, oldest first as a rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) values: Vec<Point>,
    /// `None` for a series of nothing.
    pub(crate) summary: Option<Summary>,
    /// Whether earlier points were left out.
    pub(crate) truncated: bool,
}
