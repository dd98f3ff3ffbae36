//! Who can reach the server, and through whom.

use url::{Host, Url};

use super::{Finding, network};
use crate::{
    cli::Failure,
    config::{Core, Networks},
    finding::Deployment,
    http::{Gate, SessionMode},
};

/// A network of more addresses than this is no list of machines that somebody runs (a prefix, in bits).
const WIDEST_PREFIX: u8 = 8;

pub(super) fn findings(
    core: &Core,
    gate: &Result<Gate, Failure>,
    deployment: Deployment,
) -> Vec<Finding> {
    let mut findings = vec![address(core, gate, deployment)];
    findings.extend(names(core, deployment));
    findings.extend(proxies(core));
    findings.extend(operators(core));
    findings.extend(public_url(core));
    if deployment.is_reachable && core.http.sessions == SessionMode::Local {
        let text = "MCP_SESSIONS=local: with a second replica a session is found by chance only, use `redis` or `stateless`";
        findings.push(Finding::warn("sessions", text));
    }
    findings
}

fn address(core: &Core, gate: &Result<Gate, Failure>, deployment: Deployment) -> Finding {
    let listen = core.http.listen;
    match gate {
        Err(failure) => Finding::fail("exposure", failure.lines().join("; ")),
        Ok(gate) if gate.authentication.is_some() => {
            Finding::ok("exposure", format!("{listen} with credentials"))
        }
        Ok(_) if deployment.is_reachable => Finding::fail(
            "exposure",
            format!(
                "{listen} without authentication, and a proxy leads there: whoever it lets through may do everything, \
                 set MCP_AUTH"
            ),
        ),
        Ok(_) => {
            let detail = format!("{listen} without authentication: this machine only");
            Finding::warn("exposure", detail)
        }
    }
}

/// The guards against DNS rebinding.
fn names(core: &Core, deployment: Deployment) -> Vec<Finding> {
    let http = &core.http;
    let mut findings = vec![];
    if http.allowed_hosts.iter().any(|host| host.contains('*')) {
        let text = "MCP_ALLOWED_HOSTS has a `*`, which is no wildcard here: name the hosts";
        findings.push(Finding::fail("hosts", text));
    } else if deployment.is_reachable && http.allowed_hosts.is_empty() && http.public_url.is_none()
    {
        let text = "clients who use a name of this server get 403: set MCP_PUBLIC_URL or MCP_ALLOWED_HOSTS";
        findings.push(Finding::warn("hosts", text));
    }
    for origin in &http.allowed_origins {
        let text = match Url::parse(origin).ok() {
            _ if origin.contains('*') => "MCP_ALLOWED_ORIGINS has a `*`: name the pages",
            _ if origin == "null" => {
                "MCP_ALLOWED_ORIGINS has `null`, which any page can be: name the pages"
            }
            Some(url) if url.scheme() == "http" && is_elsewhere(url.host()) => {
                "MCP_ALLOWED_ORIGINS has a page of plain http, which anybody on its way may rewrite: use https"
            }
            _ => continue,
        };
        findings.push(Finding::fail("origins", text));
    }
    findings
}

fn proxies(core: &Core) -> Option<Finding> {
    let proxies = &core.edge.trusted_proxies;
    if let Some(network) = too_wide(proxies) {
        let text = format!(
            "MCP_TRUSTED_PROXIES has {network}: anybody may say whose address they have, name the proxies alone"
        );
        return Some(Finding::fail("proxies", text));
    }
    let is_behind_one = core.http.tls_terminated && !core.http.listen.ip().is_loopback();
    let text = "MCP_TLS_TERMINATED without MCP_TRUSTED_PROXIES: every client has the proxy's address, and its quota";
    (is_behind_one && proxies.is_empty()).then(|| Finding::warn("proxies", text))
}

fn operators(core: &Core) -> Vec<Finding> {
    let edge = &core.edge;
    let wide = edge.admin_allow.as_ref().and_then(too_wide).map(|network| {
        let text = format!(
            "MCP_ADMIN_ALLOW has {network}: anybody sees the metrics and what this server depends on"
        );
        Finding::fail("operators", text)
    });
    let open = edge.admin_listen.filter(|address| !address.ip().is_loopback());
    let open = open.filter(|_| edge.admin_allow.is_none()).map(|address| {
        let text =
            format!("MCP_ADMIN_LISTEN={address} answers whoever reaches it: set MCP_ADMIN_ALLOW");
        Finding::warn("operators", text)
    });
    wide.into_iter().chain(open).collect()
}

fn public_url(core: &Core) -> Option<Finding> {
    let url = Url::parse(core.http.public_url.as_deref()?).ok()?;
    let is_plain = url.scheme() == "http" && is_elsewhere(url.host());
    let text =
        "MCP_PUBLIC_URL is plain http: clients would send their credentials for everybody to read";
    is_plain.then(|| Finding::fail("public url", text))
}

fn is_elsewhere(host: Option<Host<&str>>) -> bool {
    host.is_some_and(|host| network::distance(&host) != network::Distance::Here)
}

fn too_wide(networks: &Networks) -> Option<ipnet::IpNet> {
    networks.iter().find(|network| network.prefix_len() < WIDEST_PREFIX).copied()
}
