//! Who can reach the server and with what credential, and whether credentials can be checked.

use std::{net::IpAddr, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use chrono::{TimeDelta, Utc};
use mcp_auth::Revocations;

use super::{Finding, Status};
use crate::{
    Server,
    app::catalog,
    cli::{Failure, serve},
    config::{AuthConfig, Core},
    http::{Gate, expires_at},
};

/// A stolen token should not be good for longer.
const LONGEST_LIFETIME: Duration = Duration::from_hours(1);
/// A certificate should be renewed earlier.
const SHORT: TimeDelta = TimeDelta::days(14);
/// The widest that a file of keys may be: its owner writes, its group reads.
const WIDEST_MODE: u32 = 0o640;

pub(super) fn findings<S: Server>(core: &Core, config: &S::Config) -> Vec<Finding> {
    let gate = catalog::<S>(core, config)
        .map_err(Failure::problems)
        .and_then(|catalog| serve::gate(core, &catalog, None));
    let gate = match gate {
        Ok((gate, _files)) => gate,
        Err(failure) => {
            return vec![Finding::new("exposure", Status::Fail, failure.lines().join("; "))];
        }
    };
    let listen = core.http.listen;
    if gate.authentication.is_none() {
        let detail = format!("{listen} without authentication: this machine only");
        return vec![Finding::new("exposure", Status::Warn, detail)];
    }
    let mut findings =
        vec![Finding::new("exposure", Status::Ok, format!("{listen} with credentials"))];
    if core.auth.mode.is_some_and(|mode| mode.oauth) {
        findings.extend([issuer(&gate), audience(core, &gate), lifetime(&core.auth)]);
    }
    findings.extend(core.tls.identity.as_ref().map(|identity| certificate(&identity.certificates)));
    findings.extend(plain_keys(&core.auth, listen.ip()));
    findings.extend(core.auth.keys_file.as_deref().map(key_file));
    findings.extend(core.auth.revoked_file.as_deref().map(revocations));
    findings
}

/// Whether the issuer's keys can be had.
fn issuer(gate: &Gate) -> Finding {
    let Some(authentication) = &gate.authentication else {
        return Finding::new("issuer", Status::Ok, "not asked");
    };
    let checked = serve::block_on(async { Ok(authentication.check().await) });
    match checked {
        Ok(None) => Finding::new("issuer", Status::Ok, "asked about every token"),
        Ok(Some(check)) => match check.problem {
            None => Finding::new("issuer", Status::Ok, "its keys are known"),
            Some(_) => Finding::new(
                "issuer",
                Status::Fail,
                "its keys cannot be had: look at MCP_AUTH_ISSUER and MCP_AUTH_JWKS_URL, and at the network between",
            ),
        },
        Err(failure) => Finding::new("issuer", Status::Fail, failure.lines().join("; ")),
    }
}

/// Which tokens are meant for this server.
fn audience(core: &Core, gate: &Gate) -> Finding {
    let named = &core.auth.oauth.audiences;
    if named.is_empty() && core.http.public_url.is_none() && !core.http.listen.ip().is_loopback() {
        let detail =
            format!("{}, which is no address that clients know: set MCP_PUBLIC_URL", gate.resource);
        return Finding::new("audience", Status::Warn, detail);
    }
    let audiences = if named.is_empty() { gate.resource.to_string() } else { named.join(", ") };
    Finding::new("audience", Status::Ok, audiences)
}

fn lifetime(auth: &AuthConfig) -> Finding {
    let detail = match auth.oauth.max_lifetime {
        Some(longest) if longest <= LONGEST_LIFETIME => {
            let detail = format!("at most {} s", longest.as_secs());
            return Finding::new("token lifetime", Status::Ok, detail);
        }
        Some(_) => "tokens of more than 1 h are accepted: lower MCP_AUTH_MAX_TOKEN_LIFETIME",
        None => "tokens of any lifetime are accepted: set MCP_AUTH_MAX_TOKEN_LIFETIME=1h",
    };
    Finding::new("token lifetime", Status::Warn, detail)
}

/// How long the server's own certificate is still good.
fn certificate(path: &Path) -> Finding {
    let shown = path.display();
    match expires_at(path).map(|end| (end, end - Utc::now())) {
        Ok((end, left)) if left > SHORT => {
            Finding::new("certificate", Status::Ok, format!("{shown} is good until {end}"))
        }
        Ok((end, left)) => {
            let status = if left > TimeDelta::zero() { Status::Warn } else { Status::Fail };
            let detail =
                format!("{shown} is good until {end} only: renew it, nothing is restarted");
            Finding::new("certificate", status, detail)
        }
        Err(problem) => Finding::new("certificate", Status::Fail, format!("{shown} {problem}")),
    }
}

/// Plain keys stand in the environment, where other processes and crash reports may see them.
fn plain_keys(auth: &AuthConfig, listen: IpAddr) -> Option<Finding> {
    let in_use = auth.keys.is_some() && auth.mode.is_some_and(|mode| mode.api_key);
    let detail =
        "plain keys on an address beyond loopback: keep their SHA-256 in MCP_API_KEYS_FILE";
    let warn = in_use && !listen.is_loopback();
    warn.then(|| Finding::new("plain keys", Status::Warn, detail))
}

fn key_file(path: &Path) -> Finding {
    let mode = std::fs::metadata(path).map(|file| file.permissions().mode() & 0o777);
    let shown = path.display();
    match mode {
        Ok(mode) if mode & !WIDEST_MODE == 0 => {
            Finding::new("key file", Status::Ok, format!("{shown} has mode {mode:04o}"))
        }
        Ok(mode) => Finding::new(
            "key file",
            Status::Warn,
            format!("{shown} has mode {mode:04o}: `chmod 0640` keeps others out"),
        ),
        Err(error) => Finding::new("key file", Status::Fail, format!("{shown}: {error}")),
    }
}

fn revocations(path: &Path) -> Finding {
    let shown = path.display();
    match Revocations::load(path) {
        Ok(_) if path.exists() => Finding::new("revocations", Status::Ok, format!("{shown}")),
        Ok(_) => {
            let detail = format!("{shown} does not exist yet: `revoke` makes it");
            Finding::new("revocations", Status::Warn, detail)
        }
        Err(error) => Finding::new("revocations", Status::Fail, format!("{shown}: {error}")),
    }
}
