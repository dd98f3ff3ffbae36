//! The issuer's key, and the tokens that it signs (RFC 9068).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::TOKEN_LIFETIME;

/// An ES256 key that lives as long as the process.
pub(super) struct Signer {
    id: String,
    key: EncodingKey,
}

impl Signer {
    pub(super) fn generate() -> Self {
        Self { id: Uuid::new_v4().simple().to_string(), key: generate() }
    }

    /// The key as a verifier finds it in the JWKS.
    pub(super) fn public_key(&self) -> Value {
        let key = Jwk::from_encoding_key(&self.key, Algorithm::ES256).expect("a P-256 key");
        let mut key = serde_json::to_value(key).expect("a key is JSON");
        key["kid"] = json!(self.id);
        key["use"] = json!("sig");
        key
    }

    pub(super) fn sign(&self, claims: &Claims) -> String {
        self.sign_by(&self.key, claims)
    }

    /// Names our key in the header and signs by one that nobody knows.
    pub(super) fn forge(&self, claims: &Claims) -> String {
        self.sign_by(&generate(), claims)
    }

    fn sign_by(&self, key: &EncodingKey, claims: &Claims) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, &claims.0, key).expect("claims are JSON")
    }
}

fn generate() -> EncodingKey {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("random bytes");
    let document = key.to_pkcs8v1().expect("a new key can be written down");
    EncodingKey::from_ec_der(document.as_ref())
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What an access token says.
#[derive(Debug, Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn new(issuer: &str, resource: &str, subject: &str) -> Self {
        let mut claims = Self(Map::new());
        for (name, value) in [("iss", issuer), ("aud", resource), ("sub", subject)] {
            claims = claims.with(name, value);
        }
        let lifetime = i64::try_from(TOKEN_LIFETIME.as_secs()).expect("minutes");
        claims.with("jti", Uuid::new_v4().to_string()).with("iat", now()).expires_in(lifetime)
    }

    /// Another subject.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.with("sub", subject)
    }

    /// Scopes, separated by spaces.
    #[must_use]
    pub fn scopes(self, scopes: &str) -> Self {
        self.with("scope", scopes)
    }

    /// Ends so many seconds from now; a negative number is an expired token.
    #[must_use]
    pub fn expires_in(self, seconds: i64) -> Self {
        self.with("exp", now() + seconds)
    }

    /// Any claim; null takes it out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => self.0.remove(name),
            value => self.0.insert(name.to_owned(), value),
        };
        self
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_secs()).expect("a clock of this era")
}
