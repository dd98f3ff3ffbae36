//! Which `Host` and `Origin` are ours: the guard against DNS rebinding (MCP, Streamable HTTP, security).

use axum::http::{HeaderMap, Uri, header, uri::Authority};

use super::refusal::Refusal;

/// The names under which this server may be addressed, and the pages that may address it.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    hosts: Vec<Name>,
    origins: Vec<String>,
}

/// A host name; without a port it matches any.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    host: String,
    port: Option<u16>,
}

impl Hosts {
    /// `hosts` as configured, or the loopback names, and always the name of the public address.
    pub(crate) fn new(hosts: &[String], origins: &[String], public: Option<&str>) -> Self {
        let loopback = ["localhost", "127.0.0.1", "[::1]"];
        let mut names: Vec<_> = hosts.iter().filter_map(|host| Name::parse(host)).collect();
        if hosts.is_empty() {
            names.extend(loopback.iter().filter_map(|host| Name::parse(host)));
        }
        names.extend(public.and_then(Name::parse));
        let origins =
            origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase());
        Self { hosts: names, origins: origins.collect() }
    }

    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // HTTP/2 puts the name into the request line.
        let host = named.or_else(|| uri.authority().map(Authority::as_str)).and_then(Name::parse);
        let Some(host) = host.filter(|host| self.hosts.iter().any(|known| known.matches(host)))
        else {
            return Err(Refusal::foreign("Host", "MCP_ALLOWED_HOSTS"));
        };
        match headers.get(header::ORIGIN) {
            None => Ok(()),
            Some(origin) if self.is_ours(origin.to_str().unwrap_or_default(), &host) => Ok(()),
            Some(_) => Err(Refusal::foreign("Origin", "MCP_ALLOWED_ORIGINS")),
        }
    }

    /// A page of this very address, or one that the deployer named.
    fn is_ours(&self, origin: &str, host: &Name) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.origins.contains(&origin) {
            return true;
        }
        let name = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        name.and_then(Name::parse).is_some_and(|name| name == *host)
    }
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        // `user@host` names somebody else's idea of the host.
        if authority.as_str().contains('@') {
            return None;
        }
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        Some(Self { host, port: authority.port_u16() })
    }

    fn matches(&self, other: &Self) -> bool {
        self.host == other.host && (self.port.is_none() || self.port == other.port)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Uri};

    use super::Hosts;

    fn admits(hosts: &Hosts, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert("origin", HeaderValue::from_str(origin).unwrap());
        }
        hosts.check(&Uri::from_static("/mcp"), &headers).is_ok()
    }

    #[test]
    fn only_loopback_names_are_ours_by_default() {
        let hosts = Hosts::new(&[], &[], None);
        for ours in ["localhost:8080", "127.0.0.1", "[::1]:9", "LOCALHOST"] {
            assert!(admits(&hosts, ours, None), "{ours}");
        }
        for foreign in ["evil.example", "localhost.evil.example", "a@localhost", "127.0.0.2", ""] {
            assert!(!admits(&hosts, foreign, None), "{foreign}");
        }
    }

    #[test]
    fn a_foreign_page_is_refused_even_at_our_name() {
        let hosts = Hosts::new(&[], &["https://app.example".to_owned()], None);
        assert!(admits(&hosts, "localhost:8080", Some("http://localhost:8080")));
        assert!(admits(&hosts, "localhost:8080", Some("https://app.example")));
        for foreign in
            ["http://evil.example", "null", "http://localhost:9", "https://app.example.evil"]
        {
            assert!(!admits(&hosts, "localhost:8080", Some(foreign)), "{foreign}");
        }
    }

    #[test]
    fn a_name_with_a_port_matches_that_port_only() {
        let hosts = Hosts::new(&["mcp.example:443".to_owned()], &[], None);
        assert!(admits(&hosts, "mcp.example:443", None));
        assert!(!admits(&hosts, "mcp.example:8443", None));
        assert!(!admits(&hosts, "localhost", None));
    }
}
