//! Where an issuer keeps its keys (RFC 8414 §3, `OpenID` Connect Discovery 1.0 §4).

use std::time::Duration;

use mcp_errors::{Error, ErrorKind, Result};
use serde::Deserialize;
use url::Url;

use crate::{
    fetch::{Fetch, FetchLimits, IssuerUrl},
    jwk::MAX_DOCUMENT_BYTES,
};

/// Bounds of each exchange with the issuer.
pub(crate) const LIMITS: FetchLimits =
    FetchLimits { max_bytes: MAX_DOCUMENT_BYTES, deadline: Duration::from_secs(5) };

/// What of the issuer's metadata is read.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Asks the issuer, which is known by its exact name and by the URL that it is, for its key document's URL.
pub(crate) async fn discover(
    fetch: &dyn Fetch,
    issuer: &str,
    url: &IssuerUrl,
) -> Result<IssuerUrl> {
    let mut failure = None;
    for candidate in candidates(url.as_url()) {
        match read(fetch, issuer, url, &candidate).await {
            Ok(keys) => return Ok(keys),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| unusable("has no metadata")))
}

async fn read(
    fetch: &dyn Fetch,
    issuer: &str,
    url: &IssuerUrl,
    candidate: &Url,
) -> Result<IssuerUrl> {
    let body = fetch.get(candidate, LIMITS).await?;
    if body.len() > LIMITS.max_bytes {
        return Err(unusable("sent metadata that is too large"));
    }
    let metadata: Metadata =
        serde_json::from_slice(&body).map_err(|_| unusable("sent no metadata"))?;
    // RFC 8414 §3.3: otherwise one tenant could speak for another.
    if metadata.issuer != issuer {
        return Err(unusable("calls itself by another name than `MCP_AUTH_ISSUER`"));
    }
    url.follow(&metadata.jwks_uri).map_err(|_| unusable("names a `jwks_uri` that may not be asked"))
}

/// The well-known URLs in the order of the MCP specification (basic/authorization).
fn candidates(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
        format!("{path}/.well-known/openid-configuration"),
    ];
    paths.dedup();
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    paths.into_iter().map(at).collect()
}

fn unusable(problem: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the token issuer {problem}"))
}
