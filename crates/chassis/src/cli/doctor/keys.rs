//! What API keys are worth: whether they can be guessed, what they open, how long.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use chrono::{TimeDelta, Utc};
use mcp_auth::{ApiKeys, Principal, Scope, is_guessable};
use secrecy::ExposeSecret;

use super::Finding;
use crate::config::{AuthConfig, Core};

/// The widest that a file of keys may be: its owner writes, its group reads.
const WIDEST_MODE: u32 = 0o640;
/// A key should be replaced earlier.
const SHORT: TimeDelta = TimeDelta::days(14);
/// How many owners are named of what may be thousands.
const NAMED: usize = 3;

pub(super) fn findings(core: &Core, scopes: &[&str]) -> Vec<Finding> {
    let auth = &core.auth;
    let mut findings = plain(auth, core.http.listen.ip().is_loopback());
    if let Some(path) = auth.keys_file.as_deref() {
        findings.push(permissions(path));
        findings.extend(file(path, auth, scopes));
    }
    findings
}

/// Plain keys stand in the environment, where other processes and crash reports may see them.
fn plain(auth: &AuthConfig, is_local: bool) -> Vec<Finding> {
    let Some(keys) = auth.keys.as_ref() else { return vec![] };
    let mut findings = vec![];
    if !is_local {
        let text =
            "plain keys on an address beyond loopback: keep their SHA-256 in MCP_API_KEYS_FILE";
        findings.push(Finding::warn("plain keys", text));
    }
    let keys = keys.expose_secret().split(',').map(str::trim).enumerate();
    let weak: Vec<_> = keys
        .filter(|(_, key)| !key.is_empty() && is_guessable(key))
        .map(|(position, _)| format!("{}", position + 1))
        .collect();
    if !weak.is_empty() {
        let text = format!(
            "MCP_API_KEYS: key {} can be guessed: make keys with `openssl rand -hex 32`",
            weak.join(", ")
        );
        findings.push(Finding::fail("weak keys", text));
    }
    findings
}

fn permissions(path: &Path) -> Finding {
    let mode = fs::metadata(path).map(|file| file.permissions().mode() & 0o777);
    let shown = path.display();
    match mode {
        Ok(mode) if mode & !WIDEST_MODE == 0 => {
            Finding::ok("key file", format!("{shown} has mode {mode:04o}"))
        }
        Ok(mode) => Finding::warn(
            "key file",
            format!("{shown} has mode {mode:04o}: `chmod 0640` keeps others out"),
        ),
        Err(error) => Finding::fail("key file", format!("{shown}: {error}")),
    }
}

/// What the entries of the file say. A file that cannot be read is the exposure's to tell.
fn file(path: &Path, auth: &AuthConfig, known: &[&str]) -> Vec<Finding> {
    let keys = fs::read_to_string(path).ok().and_then(|text| ApiKeys::from_toml(&text).ok());
    let Some(keys) = keys else { return vec![] };
    let is_only_way = auth.keys.is_none() && auth.mode.is_some_and(|it| !it.oauth && !it.mtls);
    if keys.is_empty() && is_only_way {
        let text = "MCP_API_KEYS_FILE has no key: nobody can come in";
        return vec![Finding::fail("keys", text)];
    }
    let now = Utc::now();
    let expires = |key: &Principal, within| {
        key.expires_at().is_some_and(|end| end > now && end - now < within)
    };
    let is_known = |scope: &Scope| known.contains(&scope.as_str());
    let unknown = |key: &Principal| !key.scopes().iter().all(is_known);
    let mut findings = vec![];
    let mut tell = |owners: Vec<&str>, text: &str| {
        if !owners.is_empty() {
            findings.push(Finding::warn("keys", format!("{}: {text}", listed(&owners))));
        }
    };
    let of = |is_so: &dyn Fn(&Principal) -> bool| {
        keys.principals().filter(|key| is_so(key)).map(Principal::subject).collect::<Vec<_>>()
    };
    tell(of(&|key| key.expires_at().is_some_and(|end| end <= now)), "expired, remove the entry");
    tell(of(&|key| expires(key, SHORT)), "expires within 14 days, issue the next one");
    tell(of(&|key| key.expires_at().is_none()), "never expires, set expires_at");
    tell(of(&|key| key.scopes().is_empty()), "has no scopes and opens nothing, set scopes");
    tell(of(&unknown), "has scopes that nothing here asks for");
    let weak = keys.guessable();
    if !weak.is_empty() {
        let text = format!("{}: is a word that everybody tries first, replace it", listed(&weak));
        findings.push(Finding::fail("weak keys", text));
    }
    findings
}

/// Owners as a person reads them: the first few, and how many more.
fn listed(owners: &[&str]) -> String {
    let named = owners.iter().take(NAMED).map(|owner| format!("`{owner}`")).collect::<Vec<_>>();
    match owners.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
