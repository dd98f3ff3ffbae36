//! A token issuer for the tests: it signs what it is told to and serves documents from memory.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, crypto, jwk::Jwk};
use mcp_auth::{
    AuthError, Authenticator, ClientCredentials, Credential, Fetch, FetchLimits, Jwks, JwtVerifier,
    Principal, TokenRules,
};
use mcp_errors::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use url::Url;

pub(crate) const ISSUER: &str = "https://issuer.example/tenant";
pub(crate) const AUDIENCE: &str = "https://mcp.example/mcp";

/// The text of a key under `fixtures/auth`.
pub(crate) fn pem(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/auth");
    std::fs::read(folder.join(name).with_extension("pem")).unwrap()
}

/// The private key of that name.
pub(crate) fn private_key(name: &str) -> EncodingKey {
    let pem = pem(name);
    match name {
        "p256" | "p384" => EncodingKey::from_ec_pem(&pem).unwrap(),
        "ed25519" => EncodingKey::from_ed_pem(&pem).unwrap(),
        _ => EncodingKey::from_rsa_pem(&pem).unwrap(),
    }
}

/// The public key of that name, under that `kid`.
pub(crate) fn public_key(name: &str, id: &str) -> Value {
    let algorithm = match name {
        "p256" => Algorithm::ES256,
        "p384" => Algorithm::ES384,
        "ed25519" => Algorithm::EdDSA,
        _ => Algorithm::RS256,
    };
    let key = Jwk::from_encoding_key(&private_key(name), algorithm).unwrap();
    let mut key = serde_json::to_value(key).unwrap();
    let members = key.as_object_mut().unwrap();
    members.remove("alg");
    members.insert("kid".to_owned(), json!(id));
    members.insert("use".to_owned(), json!("sig"));
    key
}

pub(crate) fn document(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The claims of a good token.
pub(crate) fn claims() -> Value {
    let now = Utc::now().timestamp();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 600,
        "jti": "token-1", "scope": "tickets:read",
    })
}

/// The claims of a good token with some replaced; `null` removes one.
pub(crate) fn claims_with(changes: Value) -> Value {
    let (Value::Object(mut claims), Value::Object(changes)) = (claims(), changes) else {
        panic!("claims are an object");
    };
    claims.extend(changes);
    claims.retain(|_, value| !value.is_null());
    Value::Object(claims)
}

pub(crate) fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// A token with that very header and payload, signed whatever they say.
pub(crate) fn sign_raw(
    header: &str,
    payload: &str,
    key: &EncodingKey,
    algorithm: Algorithm,
) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A token by the RSA key, with that header.
pub(crate) fn sign_with_header(header: &Value) -> String {
    let (header, claims) = (header.to_string(), claims().to_string());
    sign_raw(&header, &claims, &private_key("rsa"), Algorithm::RS256)
}

/// A token by the RSA key, with those claims.
pub(crate) fn sign(claims: &Value) -> String {
    let header = json!({ "alg": "RS256", "kid": "rsa", "typ": "at+jwt" }).to_string();
    sign_raw(&header, &claims.to_string(), &private_key("rsa"), Algorithm::RS256)
}

/// A token by the key of that name, which is also its `kid`.
pub(crate) fn sign_by(name: &str, algorithm: Algorithm) -> String {
    let header = json!({ "alg": algorithm, "kid": name }).to_string();
    sign_raw(&header, &claims().to_string(), &private_key(name), algorithm)
}

pub(crate) fn rules() -> TokenRules {
    TokenRules::new(ISSUER, AUDIENCE)
}

/// One key of each kind, under its own name.
pub(crate) fn all_keys() -> Jwks {
    let keys = ["rsa", "p256", "p384", "ed25519"].map(|name| public_key(name, name));
    Jwks::fixed(document(&keys).as_bytes()).unwrap()
}

pub(crate) fn authenticator(keys: Jwks, rules: TokenRules) -> Authenticator {
    Authenticator::new(Arc::default()).with_jwt(JwtVerifier::new(keys, rules))
}

pub(crate) async fn authenticate(
    authenticator: &Authenticator,
    token: &str,
) -> std::result::Result<Principal, AuthError> {
    let credential = Credential::from_headers([format!("Bearer {token}").as_bytes()], [])?;
    authenticator.authenticate(&credential).await
}

/// Serves documents from memory, counts who asks, and can be slow or down.
#[derive(Default)]
pub(crate) struct Network {
    documents: Mutex<HashMap<String, Bytes>>,
    delay: Mutex<Duration>,
    requests: AtomicUsize,
}

impl Network {
    pub(crate) fn serve(&self, url: &str, document: impl Into<Bytes>) {
        self.documents.lock().unwrap().insert(url.to_owned(), document.into());
    }

    pub(crate) fn go_down(&self) {
        self.documents.lock().unwrap().clear();
    }

    pub(crate) fn slow_down(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    /// How often somebody asked since the last look.
    pub(crate) fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::SeqCst)
    }

    async fn answer(&self, url: &Url) -> Result<Bytes> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        let found = self.documents.lock().unwrap().get(url.as_str()).cloned();
        found.ok_or_else(|| Error::new(ErrorKind::Unavailable, "nobody answers"))
    }
}

#[async_trait]
impl Fetch for Network {
    async fn get(&self, url: &Url, _: FetchLimits) -> Result<Bytes> {
        self.answer(url).await
    }

    async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        client: &ClientCredentials,
        _: FetchLimits,
    ) -> Result<Bytes> {
        assert_eq!((form[0].0, client.id.as_str()), ("token", "mcp"));
        self.answer(url).await
    }
}
