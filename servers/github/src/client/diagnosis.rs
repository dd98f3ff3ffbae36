//! What `doctor` tells of our credential: whether GitHub takes it, and whether it can do more than this server needs.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;
use mcp_chassis::{Check, Result};

use super::{Client, Route, transport::Ask};

/// How long GitHub may take.
const WITHIN: Duration = Duration::from_secs(10);

/// A token should be replaced earlier.
const SHORT: TimeDelta = TimeDelta::days(14);

/// What a classic token needs at most here; whatever else it can do is a risk without a use.
const NEEDED: [&str; 4] = ["repo", "public_repo", "read:org", "read:user"];

impl Client {
    pub(crate) async fn diagnose(&self) -> Check {
        let begun = Instant::now();
        let (problem, warning) = match self.power().await {
            Ok(warning) => (None, warning),
            Err(error) => (Some(error.to_string()), None),
        };
        Check { name: "github", problem, warning, latency: begun.elapsed() }
    }

    /// What an operator should know of what our credential can do.
    async fn power(&self) -> Result<Option<String>> {
        if self.is_nobody {
            let text = "no credential is set: only what is public is seen, 60 times an hour";
            return Ok(Some(text.to_owned()));
        }
        let route = match &self.app {
            // An installation is no user.
            Some(_) => Route::new(&["installation", "repositories"]).with("per_page", "1"),
            None => Route::new(&["user"]),
        };
        let response = self.api.ask(Ask::get(&route, WITHIN)).await?;
        let told = [needless_scopes(response.headers()), expiry(response.headers(), Utc::now())];
        let told: Vec<_> = told.into_iter().flatten().collect();
        Ok((!told.is_empty()).then(|| told.join("; ")))
    }
}

/// When a token ends, where it does so soon. GitHub does not say it of tokens that never end.
fn expiry(headers: &HeaderMap, now: DateTime<Utc>) -> Option<String> {
    let text = headers.get("github-authentication-token-expiration")?.to_str().ok()?;
    // `2026-12-24 10:00:00 UTC`, or with an offset.
    let text = text.replace(" UTC", " +0000");
    let end = DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S %z").ok()?.to_utc();
    (end - now < SHORT).then(|| format!("the token ends at {end}, issue the next one"))
}

/// GitHub names the scopes of classic tokens only; others have permissions that it does not tell.
fn needless_scopes(headers: &HeaderMap) -> Option<String> {
    let scopes = headers.get("x-oauth-scopes")?.to_str().ok()?;
    let needless: Vec<&str> = scopes
        .split(',')
        .map(str::trim)
        .filter(|scope| !scope.is_empty() && !NEEDED.contains(scope))
        .collect();
    if needless.is_empty() {
        return None;
    }
    let needless = needless.join(", ");
    Some(format!("the token can do more than this server needs, issue one without {needless}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_can_do_more_than_is_needed_is_told() {
        let told = |scopes: &'static str| {
            let header = ("x-oauth-scopes".parse().unwrap(), scopes.parse().unwrap());
            needless_scopes(&[header].into_iter().collect::<HeaderMap>())
        };
        assert!(told("repo, read:org").is_none() && told("").is_none());
        assert!(told("repo, delete_repo, admin:org").unwrap().ends_with("delete_repo, admin:org"));
        assert!(needless_scopes(&HeaderMap::new()).is_none());
    }

    #[test]
    fn a_token_that_ends_soon_is_told() {
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        let told = |end: &'static str| {
            let name = "github-authentication-token-expiration".parse().unwrap();
            expiry(&[(name, end.parse().unwrap())].into_iter().collect::<HeaderMap>(), now)
        };
        assert!(told("2026-12-01 10:00:00 UTC").is_some());
        assert!(told("2026-12-01 10:00:00 -0500").is_some());
        assert!(told("2027-12-01 10:00:00 UTC").is_none() && told("soon").is_none());
    }
}
