//! Client certificates that TLS has verified: whose they are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::{FromDer, X509Name},
};

use crate::{AuthError, Fingerprint, Principal, ScopeSet, digest::Digest};

/// More names of one certificate are not looked at.
const MAX_NAMES: usize = 32;

/// The certificate of whoever is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct PeerCertificate {
    /// The names that it proves, the most exact first.
    names: Vec<String>,
    fingerprint: Fingerprint,
    expires_at: DateTime<Utc>,
}

impl PeerCertificate {
    /// Reads a certificate of DER; `None` when it is none.
    ///
    /// Its names are those of RFC 8705 §2.1.2: the URIs and DNS names among its alternative names, then its subject's
    /// common name as `CN=…`.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let alternatives = alternatives.map(|it| it.value.general_names.as_slice());
        let of = |read: fn(&GeneralName<'_>) -> Option<String>| {
            alternatives.unwrap_or_default().iter().filter_map(read)
        };
        let uris = of(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        });
        let hosts = of(|name| match name {
            GeneralName::DNSName(host) => Some(host.to_ascii_lowercase()),
            _ => None,
        });
        let names = uris.chain(hosts).chain(common_name(certificate.subject()));
        Some(Self {
            names: names.take(MAX_NAMES).collect(),
            fingerprint: Digest::of(der).fingerprint(),
            expires_at: DateTime::from_timestamp(certificate.validity().not_after.timestamp(), 0)?,
        })
    }

    /// From when on it is refused.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// Several common names would let an authority that checks one of them vouch for another.
fn common_name(subject: &X509Name<'_>) -> Option<String> {
    let mut names = subject.iter_common_name();
    let only = names.next().filter(|_| names.next().is_none())?;
    Some(format!("CN={}", only.as_str().ok()?))
}

/// What the owner of each certificate may do, by a name that the certificate proves.
#[derive(Clone, Debug, Default)]
pub struct CertificateScopes(BTreeMap<String, ScopeSet>);

impl CertificateScopes {
    /// The scopes of each name. A certificate with another name lets nobody in.
    pub fn new(scopes: BTreeMap<String, ScopeSet>) -> Self {
        Self(scopes)
    }

    pub(crate) fn holds(&self, principal: &Principal) -> bool {
        self.0.contains_key(principal.subject())
    }

    /// The owner of a certificate: the first of its names that is listed.
    pub(crate) fn identify(
        &self,
        certificate: &PeerCertificate,
        now: DateTime<Utc>,
    ) -> Result<Principal, AuthError> {
        // A connection may outlive the certificate with which it was opened.
        if certificate.expires_at <= now {
            return Err(AuthError::Expired);
        }
        let listed = certificate.names.iter().find_map(|name| self.0.get_key_value(name));
        let (name, scopes) = listed.ok_or(AuthError::Invalid { reason: "unknown_certificate" })?;
        Ok(Principal::certificate(name, certificate, scopes.clone()))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::{CertificateScopes, PeerCertificate};
    use crate::AuthError;

    fn certificate(uris: &[&str], hosts: &[&str], common_names: &[&str]) -> PeerCertificate {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        let uri = |uri: &&str| SanType::URI((*uri).try_into().unwrap());
        let host = |host: &&str| SanType::DnsName((*host).try_into().unwrap());
        // Hosts first, so that the order of the names is ours and not theirs.
        params.subject_alt_names = hosts.iter().map(host).chain(uris.iter().map(uri)).collect();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        PeerCertificate::parse(signed.der()).unwrap()
    }

    fn listed(names: &[&str]) -> CertificateScopes {
        let entry = |name: &&str| ((*name).to_owned(), "tickets:read".parse().unwrap());
        CertificateScopes::new(names.iter().map(entry).collect())
    }

    #[test]
    fn the_first_listed_name_is_the_principal() {
        let agent = certificate(&["spiffe://prod/agent"], &["Agent.example"], &["agent"]);
        for (names, subject) in [
            (&["CN=agent", "agent.example", "spiffe://prod/agent"][..], "spiffe://prod/agent"),
            (&["CN=agent", "agent.example"], "agent.example"),
            (&["CN=agent"], "CN=agent"),
        ] {
            let principal = listed(names).identify(&agent, Utc::now()).unwrap();
            assert_eq!((principal.subject(), principal.issuer()), (subject, "mtls"));
            assert_eq!(principal.scopes().to_string(), "tickets:read");
            assert_eq!(principal.expires_at(), Some(agent.expires_at()));
        }
    }

    #[test]
    fn a_name_that_is_not_listed_lets_nobody_in() {
        let agent = certificate(&[], &["agent.example"], &["agent"]);
        for names in [&[][..], &["agent"], &["*.example"], &["CN=Agent"], &["CN=agent,O=x"]] {
            let refused = listed(names).identify(&agent, Utc::now()).unwrap_err();
            assert_eq!(refused, AuthError::Invalid { reason: "unknown_certificate" }, "{names:?}");
        }
    }

    #[test]
    fn an_expired_certificate_is_refused_on_a_connection_that_it_opened() {
        let agent = certificate(&[], &["agent.example"], &[]);
        let later = agent.expires_at() + TimeDelta::seconds(1);
        let refused = listed(&["agent.example"]).identify(&agent, later).unwrap_err();
        assert_eq!(refused, AuthError::Expired);
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        for bytes in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", &[0x30; 4096]] {
            assert!(PeerCertificate::parse(bytes).is_none());
        }
    }
}
