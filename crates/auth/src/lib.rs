#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), expect(dead_code, reason = "tokens are verified next"))]

mod api_key;
mod authenticator;
mod challenge;
mod credential;
mod digest;
mod error;
mod metadata;
mod mode;
mod principal;
mod revocation;
mod scope;
mod swap;

pub use api_key::ApiKeys;
pub use authenticator::Authenticator;
pub use challenge::Challenge;
pub use credential::Credential;
pub use digest::Fingerprint;
pub use error::{AuthError, ConfigError};
pub use metadata::ProtectedResourceMetadata;
pub use mode::AuthMode;
pub use principal::{Method, Principal};
pub use revocation::{Revocation, Revocations, Target};
pub use scope::{Scope, ScopeSet};
