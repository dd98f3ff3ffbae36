//! What this crate needs from the network; the host supplies it.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use url::{Host, Url};

use crate::{ConfigError, discovery::well_known};

/// Bounds of one exchange; the implementation must keep to both.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// Largest body, in bytes. A longer one is an error, never cut off.
    pub max_bytes: usize,
    /// Time for the whole exchange, redirects and body included.
    pub deadline: Duration,
}

/// Who we are at an introspection endpoint, sent as HTTP Basic (RFC 6749 §2.3.1).
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The client's identifier.
    pub id: String,
    /// The client's secret.
    pub secret: SecretString,
}

/// Exchanges with the authorization server.
///
/// Every status but 200 is an error. Redirects are not followed: the server named in the configuration
/// answers, or nobody does.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Gets a JSON document.
    async fn get(&self, url: &Url, limits: FetchLimits) -> mcp_errors::Result<Bytes>;

    /// Posts a form as `client` and gets a JSON document.
    async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        client: &ClientCredentials,
        limits: FetchLimits,
    ) -> mcp_errors::Result<Bytes>;
}

/// The URL of an authorization server, or of something that it names: `https`, or `http` on loopback.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuerUrl(Url);

impl IssuerUrl {
    /// The URL itself.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Where an issuer at this URL has its metadata (RFC 8414 §3.1).
    pub fn metadata(&self) -> Url {
        well_known(&self.0)
    }

    /// A URL in a document that this server sent. Only a server on loopback may name loopback.
    pub(crate) fn follow(&self, named: &str) -> Result<Self, ConfigError> {
        let named: Self = named.parse()?;
        if named.is_loopback() && !self.is_loopback() {
            return Err(ConfigError::IssuerUrl);
        }
        Ok(named)
    }

    fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
            None => false,
        }
    }

    fn is_private(&self) -> bool {
        let private_v4 = |address: std::net::Ipv4Addr| {
            address.is_private() || address.is_link_local() || address.is_unspecified()
        };
        match self.0.host() {
            Some(Host::Ipv4(address)) => private_v4(address),
            Some(Host::Ipv6(address)) => {
                address.is_unique_local()
                    || address.is_unicast_link_local()
                    || address.is_unspecified()
                    || address.to_ipv4_mapped().is_some_and(private_v4)
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for IssuerUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Self(text.parse().map_err(|_| ConfigError::IssuerUrl)?);
        let scheme = match url.0.scheme() {
            "https" => !url.is_private(),
            "http" => url.is_loopback(),
            _ => false,
        };
        let plain = url.0.username().is_empty() && url.0.password().is_none();
        if scheme && plain && url.0.fragment().is_none() {
            Ok(url)
        } else {
            Err(ConfigError::IssuerUrl)
        }
    }
}

/// Shows the origin alone: a query may hold a secret.
impl fmt::Debug for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerUrl({})", self.0.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::IssuerUrl;

    #[test]
    fn only_https_or_loopback_is_asked() {
        for good in [
            "https://issuer.example/tenant",
            "http://localhost:8080/jwks",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert!(good.parse::<IssuerUrl>().is_ok(), "{good}");
        }
        for bad in [
            "http://issuer.example",
            "https://user:pass@issuer.example",
            "https://10.0.0.1/jwks",
            "https://169.254.169.254/latest",
            "https://[::ffff:10.0.0.1]/",
            "http://localhost.example",
            "http://0.0.0.0/",
            "file:///etc/passwd",
            "issuer",
            "https://issuer.example/#fragment",
        ] {
            assert!(bad.parse::<IssuerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_metadata_of_an_issuer_lies_before_its_path() {
        let issuer: IssuerUrl = "https://issuer.example/tenant/".parse().unwrap();
        let expected = "https://issuer.example/.well-known/oauth-authorization-server/tenant";
        assert_eq!(issuer.metadata().as_str(), expected);
    }

    #[test]
    fn a_remote_server_cannot_send_us_to_loopback() {
        let remote: IssuerUrl = "https://issuer.example".parse().unwrap();
        assert!(remote.follow("http://127.0.0.1:6379/").is_err());
        assert!(remote.follow("https://keys.example/").is_ok());
        let local: IssuerUrl = "http://127.0.0.1:9000".parse().unwrap();
        assert!(local.follow("http://127.0.0.1:9001/").is_ok());
    }
}
