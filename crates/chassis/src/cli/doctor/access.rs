//! With what credential callers come in, and whether credentials can be checked.

use std::{path::Path, time::Duration};

use chrono::{TimeDelta, Utc};
use mcp_auth::{IssuerUrl, Revocations};

use super::{Finding, keys, network};
use crate::{
    cli::serve,
    config::{AuthConfig, Core},
    http::{Gate, expires_at},
};

/// A stolen token should not be good for longer.
const LONGEST_LIFETIME: Duration = Duration::from_hours(1);
/// A certificate should be renewed earlier.
const SHORT: TimeDelta = TimeDelta::days(14);
/// Clocks that differ by more are not kept.
const LONGEST_LEEWAY: Duration = Duration::from_mins(1);

/// `gate` is none where the deployment would not start; `scopes` are all that the server's operations ask for.
pub(super) fn findings(core: &Core, gate: Option<&Gate>, scopes: &[&str]) -> Vec<Finding> {
    let auth = &core.auth;
    let Some(mode) = auth.mode.filter(|mode| !mode.is_none()) else { return vec![] };
    let mut findings = vec![];
    if mode.oauth {
        findings.extend(gate.map(issuer));
        findings.extend(gate.map(|gate| audience(core, gate)));
        findings.push(lifetime(auth));
        findings.extend(leeway(auth));
        findings.extend(plain_issuer(core));
    }
    findings.extend(core.tls.identity.as_ref().map(|identity| certificate(&identity.certificates)));
    if mode.api_key {
        findings.extend(keys::findings(core, scopes));
    }
    if mode.mtls && auth.certificates.is_empty() {
        let text =
            "[auth.certificates] is empty: clients with certificates come in and may do nothing";
        findings.push(Finding::warn("certificates", text));
    }
    findings.push(match auth.revoked_file.as_deref() {
        Some(path) => revocations(path),
        None if core.shared.redis.is_some() => Finding::ok("revocations", "in Redis"),
        None => Finding::warn(
            "revocations",
            "a stolen credential cannot be refused before it expires: set MCP_REVOKED_TOKENS_FILE or REDIS_URL",
        ),
    });
    findings
}

/// Whether the issuer's keys can be had.
fn issuer(gate: &Gate) -> Finding {
    let Some(authentication) = &gate.authentication else {
        return Finding::ok("issuer", "not asked");
    };
    let checked = serve::block_on(async { Ok(authentication.check().await) });
    match checked {
        Ok(None) => Finding::ok("issuer", "asked about every token"),
        Ok(Some(check)) if check.problem.is_none() => Finding::ok("issuer", "its keys are known"),
        Ok(Some(_)) => Finding::fail(
            "issuer",
            "its keys cannot be had: look at MCP_AUTH_ISSUER and MCP_AUTH_JWKS_URL, and at the network between",
        ),
        Err(failure) => Finding::fail("issuer", failure.lines().join("; ")),
    }
}

/// An issuer over plain HTTP is on this machine, or the settings would have been refused. That is for development.
fn plain_issuer(core: &Core) -> Option<Finding> {
    let oauth = &core.auth.oauth;
    let is_plain = |url: &IssuerUrl| url.as_url().scheme() == "http";
    let urls = [oauth.issuer.as_ref().map(|it| &it.url), oauth.jwks_url.as_ref()];
    let urls = urls.into_iter().chain([oauth.introspection_url.as_ref()]).flatten();
    let text = "is asked over plain http on this machine, where any process may stand in for it: use https";
    let is_served = network::is_reachable(core);
    (is_served && urls.into_iter().any(is_plain)).then(|| Finding::fail("plain issuer", text))
}

/// Which tokens are meant for this server.
fn audience(core: &Core, gate: &Gate) -> Finding {
    let named = &core.auth.oauth.audiences;
    if named.is_empty() && core.http.public_url.is_none() && !core.http.listen.ip().is_loopback() {
        let detail =
            format!("{}, which is no address that clients know: set MCP_PUBLIC_URL", gate.resource);
        return Finding::warn("audience", detail);
    }
    if named.len() > 1 {
        let text =
            "MCP_AUTH_AUDIENCE names several: a token for any of those services is good here";
        return Finding::warn("audience", text);
    }
    let audience = named.first().map_or_else(|| gate.resource.to_string(), Clone::clone);
    Finding::ok("audience", audience)
}

fn lifetime(auth: &AuthConfig) -> Finding {
    let detail = match auth.oauth.max_lifetime {
        Some(longest) if longest <= LONGEST_LIFETIME => {
            let detail = format!("at most {} s", longest.as_secs());
            return Finding::ok("token lifetime", detail);
        }
        Some(_) => "tokens of more than 1 h are accepted: lower MCP_AUTH_MAX_TOKEN_LIFETIME",
        None => "tokens of any lifetime are accepted: set MCP_AUTH_MAX_TOKEN_LIFETIME=1h",
    };
    Finding::warn("token lifetime", detail)
}

fn leeway(auth: &AuthConfig) -> Option<Finding> {
    let text =
        "MCP_AUTH_LEEWAY is more than 1m, for which expired tokens are good: set the clocks right";
    (auth.oauth.leeway > LONGEST_LEEWAY).then(|| Finding::warn("leeway", text))
}

/// How long the server's own certificate is still good.
fn certificate(path: &Path) -> Finding {
    let shown = path.display();
    match expires_at(path).map(|end| (end, end - Utc::now())) {
        Ok((end, left)) if left > SHORT => {
            Finding::ok("certificate", format!("{shown} is good until {end}"))
        }
        Ok((end, left)) if left > TimeDelta::zero() => Finding::warn(
            "certificate",
            format!("{shown} is good until {end} only: renew it, nothing is restarted"),
        ),
        Ok((end, _)) => Finding::fail(
            "certificate",
            format!("{shown} has expired at {end}: renew it, nothing is restarted"),
        ),
        Err(problem) => Finding::fail("certificate", format!("{shown} {problem}")),
    }
}

fn revocations(path: &Path) -> Finding {
    let shown = path.display();
    match Revocations::load(path) {
        Ok(_) if path.exists() => Finding::ok("revocations", format!("{shown}")),
        Ok(_) => {
            let detail = format!("{shown} does not exist yet: `revoke` makes it");
            Finding::warn("revocations", detail)
        }
        Err(error) => Finding::fail("revocations", format!("{shown}: {error}")),
    }
}
