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

/// What an issuer says of itself.
pub(crate) struct Found {
    /// Where it says so.
    pub(crate) document: Url,
    /// Where its keys are.
    pub(crate) keys: IssuerUrl,
}

/// Asks the issuer, which is known by its exact name and by the URL that it is, where its keys are.
pub(crate) async fn discover(fetch: &dyn Fetch, issuer: &str, url: &IssuerUrl) -> Result<Found> {
    let mut failure = None;
    for document in candidates(url.as_url()) {
        match read(fetch, issuer, url, &document).await {
            Ok(keys) => return Ok(Found { document, keys }),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| unusable("has no metadata")))
}

async fn read(
    fetch: &dyn Fetch,
    issuer: &str,
    url: &IssuerUrl,
    document: &Url,
) -> Result<IssuerUrl> {
    let body = fetch.get(document, LIMITS).await?;
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
    let mut urls = vec![
        well_known(issuer),
        at(issuer, &format!("/.well-known/openid-configuration{path}")),
        at(issuer, &format!("{path}/.well-known/openid-configuration")),
    ];
    urls.dedup();
    urls
}

/// Where an issuer has its metadata by RFC 8414 §3.1: the well-known part goes before its path.
pub(crate) fn well_known(issuer: &Url) -> Url {
    let path = issuer.path().trim_end_matches('/');
    at(issuer, &format!("/.well-known/oauth-authorization-server{path}"))
}

fn at(issuer: &Url, path: &str) -> Url {
    let mut url = issuer.clone();
    url.set_path(path);
    url
}

fn unusable(problem: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the token issuer {problem}"))
}
