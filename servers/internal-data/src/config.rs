//! What a deployment of the internal-data server decides.

use std::{collections::BTreeMap, time::Duration};

use mcp_chassis::{
    Deployment, Finding, HumanDuration, Reader, Settings, UpstreamConfig, UpstreamSecret,
};

use crate::{
    collections::{Allowlist, Collection, Collections},
    names::CollectionName,
};

/// The settings of the internal-data server.
#[derive(Debug)]
pub struct Config {
    /// `INTERNAL_API_URL`, limits in `[upstream.api]`. None: embedded sample data.
    pub(crate) upstream: Option<UpstreamConfig>,
    /// `INTERNAL_API_KEY`, sent as `X-API-Key`.
    pub(crate) key: Option<UpstreamSecret>,
    /// `[collections.NAME]` and `INTERNAL_COLLECTIONS`.
    pub(crate) collections: Collections,
    /// `INTERNAL_CACHE_METRICS`, `INTERNAL_CACHE_RECORDS`, `INTERNAL_CACHE_PROFILES`.
    pub(crate) lifetimes: Lifetimes,
}

/// How long an answer is as good as a new one, by how quickly what it tells changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    pub(crate) metrics: Duration,
    pub(crate) records: Duration,
    pub(crate) profiles: Duration,
}

impl Settings for Config {
    fn read(reader: &mut Reader<'_>) -> Self {
        let upstream = reader.optional_upstream(
            "api",
            "INTERNAL_API_URL",
            "the base of the internal API; embedded sample data when not set",
        );
        let key = reader.upstream_secret("INTERNAL_API_KEY", "the key that is sent as `X-API-Key`");
        let samples_may_be_served: bool = reader
            .or(
                "INTERNAL_SAMPLE_DATA",
                "false",
                "`true` serves the embedded sample data beyond loopback, too",
            )
            .value();
        if upstream.is_none() && reader.is_exposed() && !samples_may_be_served {
            let text = "is not set, and sample data is served on loopback only: set it, or INTERNAL_SAMPLE_DATA=true";
            reader.problem("INTERNAL_API_URL", "default", text.to_owned());
        }
        let collections = collections(reader);
        let lifetimes = Lifetimes {
            metrics: lifetime(
                reader,
                "INTERNAL_CACHE_METRICS",
                "1m",
                "how long metrics are kept, like `1m`",
            ),
            records: lifetime(
                reader,
                "INTERNAL_CACHE_RECORDS",
                "5m",
                "how long records are kept, like `5m`",
            ),
            profiles: lifetime(
                reader,
                "INTERNAL_CACHE_PROFILES",
                "15m",
                "how long user profiles are kept, like `15m`",
            ),
        };
        Self { upstream, key, collections, lifetimes }
    }

    fn review(&self, deployment: Deployment) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.upstream.is_none() {
            let text = "INTERNAL_API_URL is not set: every answer is embedded sample data";
            let judged = if deployment.is_reachable { Finding::fail } else { Finding::warn };
            findings.push(judged("sample data", text.to_owned()));
        } else if self.key.is_none() {
            let text = "INTERNAL_API_KEY is not set: the internal API answers anybody who asks it";
            findings.push(Finding::warn("upstream credential", text));
        }
        match self.collections.iter().next() {
            None => findings.push(Finding::fail(
                "collections",
                "INTERNAL_COLLECTIONS names none: nothing can be asked for",
            )),
            Some(_) if !self.collections.is_restricted() => findings.push(Finding::warn(
                "collections",
                "INTERNAL_COLLECTIONS is not set: every collection that is described is offered",
            )),
            Some(_) => {}
        }
        findings
    }
}

fn lifetime(
    reader: &mut Reader<'_>,
    variable: &'static str,
    default: &str,
    meaning: &'static str,
) -> Duration {
    reader.or(variable, default, meaning).or_stand_in(HumanDuration(Duration::ZERO)).0
}

fn collections(reader: &mut Reader<'_>) -> Collections {
    let allowed: Option<Allowlist> = reader.optional(
        "INTERNAL_COLLECTIONS",
        "the collections to offer, separated by commas; all that are described when not set",
    );
    let mut described = BTreeMap::new();
    for (name, collection) in reader.table::<Collection>("collections") {
        match CollectionName::try_from(name) {
            Ok(name) => drop(described.insert(name, collection)),
            Err(refused) => reader.problem("[collections]", "file", refused.to_string()),
        }
    }
    Collections::new(described, allowed).unwrap_or_else(|problem| {
        reader.problem("[collections]", "default", problem);
        Collections::default()
    })
}
