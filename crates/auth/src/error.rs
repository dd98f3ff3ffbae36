//! Why a caller is not let in, and why a configuration is not accepted.

use mcp_errors::{Classify, ErrorKind};

/// Why a caller is not let in. Never carries the credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credential was sent.
    #[error("send a credential: `Authorization: Bearer TOKEN` or `X-API-Key: KEY`")]
    Missing,
    /// The headers do not hold exactly one well-formed credential.
    #[error("the credential is malformed: {problem}")]
    Malformed {
        /// What is wrong with the headers.
        problem: &'static str,
    },
    /// The credential is well-formed and not accepted.
    #[error("the credential is not accepted: {}", reason.replace('_', " "))]
    Invalid {
        /// Which check failed, as a label for metrics and audit: `signature`, `audience`.
        reason: &'static str,
    },
    /// The credential was good once.
    #[error("the credential has expired, get a new one")]
    Expired,
    /// The credential, or its owner's credentials of that age, were withdrawn.
    #[error("the credential was revoked, get a new one")]
    Revoked,
    /// The credential cannot be checked now; nobody is let in meanwhile.
    #[error("credentials cannot be checked now, try again shortly")]
    Unavailable {
        /// What did not answer, as a label for metrics and audit: `jwks`, `introspection`.
        service: &'static str,
    },
}

impl AuthError {
    /// A label for metrics and audit, from a small closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed { .. } => "malformed",
            Self::Invalid { reason } => reason,
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// The code in an HTTP body's `error`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "unauthorized",
            Self::Unavailable { .. } => "overloaded",
            _ => "invalid_token",
        }
    }
}

impl Classify for AuthError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            _ => ErrorKind::Unauthenticated,
        }
    }
}

/// Why a configured value is not accepted. Never repeats a key, a hash or a token.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A scope with a character outside RFC 6749 §3.3.
    #[error(
        "expected a scope of 1 to 256 printable characters without quotes, like `tickets:read`"
    )]
    Scope,
    /// A list of scopes that is too long.
    #[error("expected at most 512 scopes separated by spaces")]
    ScopeList,
    /// A mode that does not exist, or one that cannot be combined.
    #[error(
        "expected `none`, or `api-key`, `oauth` and `mtls` combined by `+`, like `oauth+api-key`"
    )]
    Mode,
    /// An API key that cannot be used.
    #[error("API key {entry}: `{field}` {problem}")]
    ApiKey {
        /// The number of the entry, from 1.
        entry: usize,
        /// The field at fault.
        field: &'static str,
        /// What would be accepted.
        problem: &'static str,
    },
    /// An API key file that is not the TOML expected.
    #[error("expected `[[key]]` tables with owner, sha256, scopes and expires_at: {problem}")]
    ApiKeyFile {
        /// What is wrong, without the text at fault.
        problem: String,
    },
    /// An API key with two meanings.
    #[error("an API key stands both in the key file and among the plain keys, remove one")]
    ApiKeyTwice,
    /// A line of the revocation list that says nothing clear.
    #[error("revocation list, line {line}: {problem}")]
    Revocation {
        /// The number of the line, from 1.
        line: usize,
        /// What would be accepted.
        problem: &'static str,
    },
    /// A URL of an authorization server that is not asked.
    #[error("expected an `https` URL of a public host, or `http` on loopback, without credentials")]
    IssuerUrl,
    /// A document of keys that cannot be used.
    #[error("expected a JWK Set with at most 100 keys")]
    KeySet,
    /// A file that cannot be read or written.
    #[error("the file cannot be read or written")]
    File(#[source] std::io::Error),
    /// A document beyond its largest size.
    #[error("expected at most {most} bytes")]
    TooLarge {
        /// The largest size accepted, in bytes.
        most: usize,
    },
}
