//! What goes over the network in the clear, and whether others can get here.

use std::net::IpAddr;

use url::{Host, Url};

use super::Finding;
use crate::config::{Core, Described};

/// Whether callers of other machines come here, directly or through a proxy on this one.
pub(super) fn is_reachable(core: &Core) -> bool {
    let http = &core.http;
    let is_far = |host: &str| {
        let url = Url::parse(&format!("http://{host}")).ok();
        url.and_then(|url| url.host().map(|host| distance(&host)))
            .is_some_and(|it| it != Distance::Here)
    };
    let public = http.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    !http.listen.ip().is_loopback()
        || http.tls_terminated
        || public
            .and_then(|url| url.host().map(|host| distance(&host)))
            .is_some_and(|it| it != Distance::Here)
        || http.allowed_hosts.iter().any(|host| is_far(host))
}

/// How far a host is, as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distance {
    /// This machine.
    Here,
    /// A private network: an address of RFC 1918 or RFC 4193, a name that the public DNS cannot know.
    Near,
    /// Anywhere.
    Far,
}

pub(super) fn distance(host: &Host<&str>) -> Distance {
    let of_address = |address: IpAddr| {
        let is_near = match address {
            IpAddr::V4(address) => address.is_private() || address.is_link_local(),
            IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
        };
        match address {
            address if address.is_loopback() => Distance::Here,
            _ if is_near => Distance::Near,
            _ => Distance::Far,
        }
    };
    match host {
        Host::Ipv4(address) => of_address((*address).into()),
        Host::Ipv6(address) => of_address(address.to_canonical()),
        Host::Domain(name) => of_name(&name.trim_end_matches('.').to_ascii_lowercase()),
    }
}

fn of_name(name: &str) -> Distance {
    const PRIVATE: [&str; 5] = ["internal", "local", "lan", "svc", "home.arpa"];
    // `redis://` and `postgres://` are no special schemes, so that an address is a name to the parser.
    if let Ok(address) = name.parse::<IpAddr>() {
        return distance(&match address {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        });
    }
    let ends_in = |suffix: &str| name.strip_suffix(suffix).is_some_and(|it| it.ends_with('.'));
    if name == "localhost" || ends_in("localhost") {
        Distance::Here
    } else if !name.contains('.') || PRIVATE.into_iter().any(ends_in) {
        Distance::Near
    } else {
        Distance::Far
    }
}

/// One finding for each setting by which something leaves this machine unencrypted.
pub(super) fn findings(settings: &[Described], upstream_credentials: &[&str]) -> Vec<Finding> {
    let is_set = |name| settings.iter().any(|it| it.variable == name && it.value.is_some());
    let of_collector: Vec<_> = [COLLECTOR_HEADERS].into_iter().filter(|it| is_set(*it)).collect();
    let told = settings.iter().filter_map(|setting| match setting.variable {
        // Who listens there is the exposure's to say.
        "MCP_PUBLIC_URL" => None,
        COLLECTOR => in_the_clear(setting, &of_collector),
        _ => in_the_clear(setting, upstream_credentials),
    });
    told.collect()
}

/// What is exported goes there, with these headers.
const COLLECTOR: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const COLLECTOR_HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

fn in_the_clear(setting: &Described, credentials: &[&str]) -> Option<Finding> {
    let url = Url::parse(setting.value.as_deref()?.trim()).ok()?;
    let distance = url.host().map(|host| distance(&host)).filter(|it| *it != Distance::Here)?;
    let variable = setting.variable;
    let (text, is_secret) = match url.scheme() {
        "http" => match credentials {
            [] => (format!("{variable} is plain http: https keeps questions and answers"), false),
            [credential, ..] => {
                (format!("{variable} is plain http, and {credential} goes there: use https"), true)
            }
        },
        "redis" => {
            let bare = url.password().is_none_or(str::is_empty);
            let bare = if bare { " and without a password" } else { "" };
            let text = format!("{variable} is plain text{bare}: use rediss:// and a password");
            (text, true)
        }
        "postgres" | "postgresql" => {
            let modes = url.query_pairs().filter(|(name, _)| name == "sslmode");
            let mode = modes.last().map(|(_, mode)| mode.into_owned()).unwrap_or_default();
            if mode == "verify-full" || mode == "verify-ca" {
                return None;
            }
            let text = format!(
                "{variable} does not check who answers, and may go unencrypted: add sslmode=verify-full"
            );
            (text, mode == "disable")
        }
        _ => return None,
    };
    Some(match distance {
        Distance::Far if is_secret => Finding::fail("in the clear", text),
        _ => Finding::warn("in the clear", text),
    })
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{Distance, distance};

    #[test]
    fn a_name_tells_how_far_its_host_is() {
        for (url, expected) in [
            ("http://localhost:1", Distance::Here),
            ("http://api.localhost", Distance::Here),
            ("http://127.3.2.1", Distance::Here),
            ("http://[::1]", Distance::Here),
            ("redis://127.0.0.1:6379", Distance::Here),
            ("redis://redis:6379", Distance::Near),
            ("http://api.prod.svc", Distance::Near),
            ("http://api.corp.internal.", Distance::Near),
            ("http://10.1.2.3", Distance::Near),
            ("redis://192.168.1.1", Distance::Near),
            ("http://[fd00::1]", Distance::Near),
            ("http://localhost.example.com", Distance::Far),
            ("http://8.8.8.8", Distance::Far),
            ("postgres://a@db.example.com/x", Distance::Far),
            ("http://notinternal.example", Distance::Far),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(parsed.host().map(|host| distance(&host)), Some(expected), "{url}");
        }
    }
}
