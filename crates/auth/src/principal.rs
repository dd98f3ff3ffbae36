//! The caller, once known: everything that later steps may ask about it.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::{Fingerprint, ScopeSet};

static NO_CLAIMS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// How a principal proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Not at all: authentication is off.
    Anonymous,
    /// By starting the process.
    Stdio,
    /// By an API key.
    ApiKey,
    /// By a JWT of the configured issuer.
    Jwt,
    /// By an opaque token that the issuer vouched for (RFC 7662).
    Introspection,
    /// By a client certificate.
    Mtls,
}

impl Method {
    /// The label in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Stdio => "stdio",
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::Introspection => "introspection",
            Self::Mtls => "mtls",
        }
    }
}

/// Whom a name names. A client may be called like a user, so the two are kept apart (RFC 9700 §4.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The value of `sub`, or the owner of a key or certificate.
    User(String),
    /// The value of `client_id` or `azp`, where there is no `sub`.
    Client(String),
}

/// What is known of a verified credential besides its owner.
#[derive(Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) scopes: ScopeSet,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) issued_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) token_id: Option<String>,
    pub(crate) claims: Option<Map<String, Value>>,
}

/// A known caller; cheap to clone.
#[derive(Clone)]
pub struct Principal(Arc<Inner>);

struct Inner {
    key: String,
    issuer: String,
    subject: String,
    method: Method,
    evidence: Evidence,
}

impl Principal {
    /// The one caller there is when authentication is off, the same on every replica.
    pub fn anonymous(scopes: ScopeSet) -> Self {
        Self::local(Method::Anonymous, scopes)
    }

    /// The client at the other end of standard input.
    pub fn stdio(scopes: ScopeSet) -> Self {
        Self::local(Method::Stdio, scopes)
    }

    /// The owner of a client certificate that TLS has verified.
    #[cfg(feature = "certificates")]
    pub(crate) fn certificate(
        subject: &str,
        certificate: &crate::PeerCertificate,
        scopes: ScopeSet,
    ) -> Self {
        let fingerprint = Some(certificate.fingerprint());
        let expires_at = Some(certificate.expires_at());
        let evidence = Evidence { scopes, fingerprint, expires_at, ..Evidence::default() };
        Self::new(Method::Mtls, "mtls", Subject::User(subject.to_owned()), evidence)
    }

    pub(crate) fn new(method: Method, issuer: &str, subject: Subject, evidence: Evidence) -> Self {
        let (kind, subject) = match subject {
            Subject::User(name) => ("sub", name),
            Subject::Client(name) => ("client", name),
        };
        // The length keeps issuer and subject apart whatever characters they have.
        let key = format!("{kind}:{}:{issuer}:{subject}", issuer.len());
        Self(Arc::new(Inner { key, issuer: issuer.to_owned(), subject, method, evidence }))
    }

    fn local(method: Method, scopes: ScopeSet) -> Self {
        let name = method.as_str().to_owned();
        let evidence = Evidence { scopes, ..Evidence::default() };
        Self(Arc::new(Inner {
            key: name.clone(),
            issuer: String::new(),
            subject: name,
            method,
            evidence,
        }))
    }

    /// The stable name under which quotas, cache, idempotency, sessions and audit know this caller.
    ///
    /// Two principals have the same key exactly if they are the same (issuer, `sub`) or, without a `sub`, the
    /// same (issuer, client).
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// Who vouches for the caller: the token's issuer, `api-key`, `mtls`, or nothing.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The caller's name at its issuer.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// How the caller proved who it is.
    pub fn method(&self) -> Method {
        self.0.method
    }

    /// What the caller may do.
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.evidence.scopes
    }

    /// The start of the credential's SHA-256, where there was a credential.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.0.evidence.fingerprint
    }

    /// When the credential was issued, where it says so.
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.0.evidence.issued_at
    }

    /// From when on the credential is refused.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.evidence.expires_at
    }

    /// The token's `jti`.
    pub fn token_id(&self) -> Option<&str> {
        self.0.evidence.token_id.as_deref()
    }

    /// The token's claims; empty for other credentials.
    pub fn claims(&self) -> &Map<String, Value> {
        self.0.evidence.claims.as_ref().unwrap_or(&NO_CLAIMS)
    }
}

/// For logs: `alice (https://issuer.example)`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.subject())?;
        if self.issuer().is_empty() { Ok(()) } else { write!(f, " ({})", self.issuer()) }
    }
}

/// Leaves out the claims, which are personal data.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("key", &self.key())
            .field("method", &self.method())
            .field("scopes", &self.scopes().to_string())
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Principal {}

#[cfg(test)]
mod tests {
    use super::{Evidence, Method, Principal, Subject};
    use crate::ScopeSet;

    fn user(issuer: &str, name: &str) -> Principal {
        Principal::new(Method::Jwt, issuer, Subject::User(name.to_owned()), Evidence::default())
    }

    #[test]
    fn no_issuer_can_speak_for_the_subject_of_another() {
        assert_ne!(user("a:b", "c"), user("a", "b:c"));
        assert_ne!(user("a", "1:b"), user("a:1", "b"));
        assert_ne!(user("", "anonymous"), Principal::anonymous(ScopeSet::default()));
    }

    #[test]
    fn a_client_is_not_the_user_of_the_same_name() {
        let client = Subject::Client("alice".to_owned());
        let client = Principal::new(Method::Jwt, "i", client, Evidence::default());
        assert_ne!(client, user("i", "alice"));
    }

    #[test]
    fn the_local_principals_have_fixed_keys() {
        assert_eq!(Principal::anonymous(ScopeSet::default()).key(), "anonymous");
        assert_eq!(Principal::stdio(ScopeSet::default()).key(), "stdio");
    }

    #[test]
    fn a_log_line_names_subject_and_issuer() {
        assert_eq!(
            user("https://issuer.example", "alice").to_string(),
            "alice (https://issuer.example)"
        );
    }

    #[test]
    fn debug_leaves_out_the_claims() {
        let claims = serde_json::json!({ "email": "alice@example.com" });
        let evidence = Evidence { claims: claims.as_object().cloned(), ..Evidence::default() };
        let alice = Principal::new(Method::Jwt, "i", Subject::User("alice".to_owned()), evidence);
        assert!(!format!("{alice:?}").contains("example.com"));
        assert_eq!(alice.claims()["email"], "alice@example.com");
    }
}
