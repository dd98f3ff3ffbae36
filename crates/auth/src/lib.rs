#![doc = include_str!("../README.md")]

mod api_key;
mod authenticator;
#[cfg(feature = "certificates")]
mod certificate;
mod challenge;
mod claims;
mod credential;
mod digest;
mod discovery;
mod error;
mod fetch;
mod introspection;
mod json;
mod jwk;
mod jwks;
mod jwt;
mod metadata;
mod mode;
mod principal;
mod revocation;
mod scope;
mod swap;

pub use api_key::{ApiKeys, is_guessable};
pub use authenticator::Authenticator;
#[cfg(feature = "certificates")]
pub use certificate::{CertificateScopes, PeerCertificate};
pub use challenge::Challenge;
pub use claims::TokenRules;
pub use credential::Credential;
pub use digest::Fingerprint;
pub use error::{AuthError, ConfigError};
pub use fetch::{ClientCredentials, Fetch, FetchLimits, IssuerUrl};
pub use introspection::Introspection;
pub use jwks::Jwks;
pub use jwt::JwtVerifier;
pub use metadata::ProtectedResourceMetadata;
pub use mode::AuthMode;
pub use principal::{Method, Principal};
pub use revocation::{Revocation, RevocationSource, Revocations, Target};
pub use scope::{Scope, ScopeSet};
