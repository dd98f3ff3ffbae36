//! What `doctor` tells of our credential: whether GitHub takes it, and whether it can do more than this server needs.

use std::time::{Duration, Instant};

use http::HeaderMap;
use mcp_chassis::{Check, Result};

use super::{Client, Route, transport::Ask};

/// How long GitHub may take.
const WITHIN: Duration = Duration::from_secs(10);

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
        Ok(needless_scopes(response.headers()))
    }
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
}
