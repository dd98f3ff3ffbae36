//! Credentials that were withdrawn, wherever that was said.

use std::{
    fmt,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use mcp_auth::{AuthError, Fingerprint, Principal, Revocation, RevocationSource, Target};
use moka::future::Cache;

use crate::{Down, SharedState, WhenDown};

/// How long an answer counts: a revocation takes effect within 5 s.
const FRESH: Duration = Duration::from_secs(2);

/// How many credentials are remembered.
const CREDENTIALS: u64 = 100_000;

/// The revocations in Redis: `revoked:<jti>`, `revoked-sub:<subject>` and `revoked-key:<fingerprint>`.
///
/// The value of a subject's entry is the time before which what it was issued is withdrawn; with any other value
/// everything is. Values of the others do not matter. Entries lapse as their keys expire.
///
/// While the state is down and [`WhenDown::Local`], what was last known of a credential counts.
pub struct SharedRevocations {
    state: SharedState,
    known: Cache<Fingerprint, Known>,
}

#[derive(Clone, Copy)]
struct Known {
    is_revoked: bool,
    at: Instant,
}

impl SharedRevocations {
    /// The list in `state`.
    pub fn new(state: &SharedState) -> Self {
        let known = Cache::builder().max_capacity(CREDENTIALS).build();
        Self { state: state.clone(), known }
    }

    /// Adds an entry, which lapses with its end.
    ///
    /// # Errors
    /// When Redis cannot be asked now.
    pub async fn add(&self, entry: &Revocation) -> Result<(), Down> {
        let (key, value) = record(&entry.target);
        let mut write = redis::cmd("SET");
        write.arg(key).arg(value);
        if let Some(until) = entry.until {
            write.arg("PXAT").arg(until.timestamp_millis());
        }
        self.state.ask(async |mut connection| write.query_async(&mut connection).await).await
    }

    async fn look_up(&self, principal: &Principal) -> Result<bool, Down> {
        let mut read = redis::cmd("MGET");
        read.arg(subject_key(principal.subject()));
        let key = principal.fingerprint().map(key_key);
        read.arg(key).arg(principal.token_id().map(token_key));
        let command = async |mut connection| read.query_async(&mut connection).await;
        let found: Vec<Option<String>> = self.state.ask(command).await?;
        let mut found = found.into_iter();
        let cutoff = found.next().flatten();
        let by_subject = cutoff.is_some_and(|cutoff| covers(&cutoff, principal.issued_at()));
        Ok(by_subject || found.any(|entry| entry.is_some()))
    }
}

#[async_trait]
impl RevocationSource for SharedRevocations {
    async fn is_revoked(&self, principal: &Principal) -> Result<bool, AuthError> {
        // Who has no credential has none that could be withdrawn.
        let Some(fingerprint) = principal.fingerprint() else { return Ok(false) };
        let known = self.known.get(&fingerprint).await;
        if let Some(known) = known.filter(|known| known.at.elapsed() < FRESH) {
            return Ok(known.is_revoked);
        }
        match self.look_up(principal).await {
            Ok(is_revoked) => {
                let at = Instant::now();
                self.known.insert(fingerprint, Known { is_revoked, at }).await;
                Ok(is_revoked)
            }
            Err(_down) if self.state.when_down() == WhenDown::Local => {
                Ok(known.is_some_and(|known| known.is_revoked))
            }
            Err(_down) => Err(AuthError::Unavailable { service: "redis" }),
        }
    }
}

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRevocations").field("state", &self.state).finish_non_exhaustive()
    }
}

/// The key of an entry, and its value.
fn record(target: &Target) -> (String, String) {
    match target {
        Target::Token(id) => (token_key(id), "1".to_owned()),
        Target::Key(fingerprint) => (key_key(*fingerprint), "1".to_owned()),
        Target::Subject { name, before: None } => (subject_key(name), "all".to_owned()),
        Target::Subject { name, before: Some(before) } => {
            let before = before.to_rfc3339_opts(SecondsFormat::Millis, true);
            (subject_key(name), before)
        }
    }
}

fn token_key(id: &str) -> String {
    format!("revoked:{id}")
}

// Not under `revoked:`, where a token's id could read the same.
fn subject_key(name: &str) -> String {
    format!("revoked-sub:{name}")
}

fn key_key(fingerprint: Fingerprint) -> String {
    format!("revoked-key:{fingerprint}")
}

/// Whether what was issued then is withdrawn by a subject's entry.
fn covers(cutoff: &str, issued_at: Option<DateTime<Utc>>) -> bool {
    match (DateTime::parse_from_rfc3339(cutoff), issued_at) {
        (Ok(before), Some(issued_at)) => issued_at < before,
        // What does not say when it was issued may be old.
        _ => true,
    }
}
