//! What a deployment says of an upstream.

use std::{fmt, num::NonZeroU32, str::FromStr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use mcp_errors::{Error, Result};
use serde::{Deserialize, Deserializer, de};
use url::Url;

use super::UpstreamObserver;
use crate::{HumanDuration, ParseError};

/// The longest address that is read.
const MAX_URL: usize = 2_048;

/// Where an upstream is, and how it may be used.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// What every path stands under.
    pub base: BaseUrl,
    /// Whether the deployer chose the base, which then may be a private address.
    pub is_chosen: bool,
    /// How much it is used.
    pub limits: LiveLimits,
    /// Who is told how it does.
    pub observer: Option<Arc<dyn UpstreamObserver>>,
}

/// `[upstream.NAME]`: how much an upstream is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamLimits {
    /// Requests at once.
    pub max_concurrency: NonZeroU32,
    /// The time between the beginnings of two requests.
    #[serde(deserialize_with = "duration")]
    pub min_interval: Duration,
    /// How often a request is made before its failure counts.
    pub attempts: NonZeroU32,
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        const CONCURRENCY: NonZeroU32 = NonZeroU32::new(32).expect("not zero");
        const ATTEMPTS: NonZeroU32 = NonZeroU32::new(3).expect("not zero");
        Self { max_concurrency: CONCURRENCY, min_interval: Duration::ZERO, attempts: ATTEMPTS }
    }
}

/// Limits that can be changed while the upstream is asked; clones are the same limits.
#[derive(Clone, Debug, Default)]
pub struct LiveLimits(Arc<ArcSwap<UpstreamLimits>>);

impl LiveLimits {
    /// The limits in force.
    pub fn get(&self) -> UpstreamLimits {
        **self.0.load()
    }

    /// Puts other limits in force. Requests that were let through stay so.
    pub fn set(&self, limits: UpstreamLimits) {
        self.0.store(Arc::new(limits));
    }
}

impl From<UpstreamLimits> for LiveLimits {
    fn from(limits: UpstreamLimits) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(limits)))
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(|HumanDuration(duration)| duration).map_err(de::Error::custom)
}

/// An `http` or `https` address without credentials, query and fragment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    pub(super) fn to_url(&self) -> Result<Url> {
        self.0.parse().map_err(|_error: url::ParseError| Error::internal("a base that is no URL"))
    }
}

impl FromStr for BaseUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: ParseError =
            ParseError("an address like `https://api.example.com`, without credentials and query");
        if text.len() > MAX_URL {
            return Err(EXPECTED);
        }
        let url: Url = text.trim().parse().map_err(|_error: url::ParseError| EXPECTED)?;
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none();
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if plain && bare && web { Ok(Self(url.into())) } else { Err(EXPECTED) }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_plain_web_address() {
        for text in ["https://api.open-meteo.com", "http://127.0.0.1:4711", "http://[::1]/a/b/"] {
            assert!(text.parse::<BaseUrl>().is_ok(), "{text}");
        }
        let long = format!("https://a/{}", "a".repeat(MAX_URL));
        for text in [
            "",
            "api.open-meteo.com",
            "file:///etc/passwd",
            "ftp://a",
            "https://",
            "https://u:p@a",
            "https://u@a",
            "https://a?key=1",
            "https://a#b",
            "data:text/plain,x",
            &long,
        ] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text:.30}");
        }
    }

    #[test]
    fn limits_that_are_not_named_keep_their_defaults() {
        let limits: UpstreamLimits =
            serde_json::from_str(r#"{ "min_interval": "250ms", "attempts": 1 }"#).unwrap();
        assert_eq!(limits.min_interval, Duration::from_millis(250));
        assert_eq!((limits.attempts.get(), limits.max_concurrency.get()), (1, 32));
        for text in [r#"{ "attempts": 0 }"#, r#"{ "retries": 1 }"#, r#"{ "min_interval": "1" }"#] {
            assert!(serde_json::from_str::<UpstreamLimits>(text).is_err(), "{text}");
        }
    }
}
