//! JWT access tokens: the signature is checked once, then the verdict is remembered (RFC 9068, RFC 8725).

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, crypto};
use moka::future::Cache;
use serde_json::{Map, Value};

use crate::{
    AuthError, Credential, Jwks, Principal, TokenRules,
    digest::Digest,
    json::{UniqueMap, text},
    jwk::{KeySet, algorithm},
};

/// Weight of all remembered tokens together, in bytes of their text and a fixed part each.
const REMEMBERED_BYTES: u64 = 16 * 1024 * 1024;
/// What a remembered token takes besides its claims, in bytes.
const ENTRY_BYTES: usize = 512;
/// How long a token is remembered that nobody sends any more.
const REMEMBERED_IDLE: Duration = Duration::from_mins(10);
/// Most keys that one token is checked against.
const MAX_CANDIDATES: usize = 4;

/// Checks the tokens of one issuer.
pub struct JwtVerifier {
    keys: Jwks,
    rules: TokenRules,
    verified: Cache<Digest, Verified>,
}

/// A token that was good under one generation of keys.
#[derive(Clone)]
struct Verified {
    principal: Principal,
    generation: u64,
    weight: u32,
}

impl JwtVerifier {
    /// A verifier for tokens that `keys` sign and `rules` admit.
    pub fn new(keys: Jwks, rules: TokenRules) -> Self {
        let verified = Cache::builder()
            .max_capacity(REMEMBERED_BYTES)
            .weigher(|_, verified: &Verified| verified.weight)
            .time_to_idle(REMEMBERED_IDLE)
            .build();
        Self { keys, rules, verified }
    }

    /// Whether the issuer's keys are known; tries to get them if not.
    ///
    /// # Errors
    ///
    /// [`AuthError::Unavailable`] while there are none.
    pub async fn ready(&self) -> Result<(), AuthError> {
        self.keys.current().await.map(|_| ())
    }

    /// Who bears the token.
    pub(crate) async fn verify(&self, credential: &Credential) -> Result<Principal, AuthError> {
        // Asked for every call, so that a withdrawn key ends what was remembered under it.
        let keys = self.keys.current().await?;
        let digest = credential.digest();
        let now = Utc::now();
        if let Some(known) = self.verified.get(&digest).await
            && known.generation == keys.generation
        {
            return if known.principal.expires_at().is_some_and(|expires_at| expires_at <= now) {
                self.verified.invalidate(&digest).await;
                Err(AuthError::Expired)
            } else {
                Ok(known.principal)
            };
        }

        let token = Token::parse(credential.expose())?;
        let keys = match token.key_id {
            Some(ref id) if !keys.set.knows(id) => self.keys.after_unknown().await,
            _ => keys,
        };
        let principal = self.check(&token, &keys.set, credential, now)?;
        let verified = Verified {
            principal: principal.clone(),
            generation: keys.generation,
            weight: u32::try_from(credential.expose().len() + ENTRY_BYTES).unwrap_or(u32::MAX),
        };
        self.verified.insert(digest, verified).await;
        Ok(principal)
    }

    fn check(
        &self,
        token: &Token<'_>,
        keys: &KeySet,
        credential: &Credential,
        now: DateTime<Utc>,
    ) -> Result<Principal, AuthError> {
        if token.key_id.as_deref().is_some_and(|id| !keys.knows(id)) {
            return Err(AuthError::Invalid { reason: "unknown_key" });
        }
        let mut candidates = keys.candidates(token.key_id.as_deref(), token.algorithm).peekable();
        if candidates.peek().is_none() {
            return Err(AuthError::Invalid { reason: "algorithm" });
        }
        let message = token.signed.as_bytes();
        let signed = candidates.take(MAX_CANDIDATES).any(|key| {
            crypto::verify(token.signature, message, key, token.algorithm).unwrap_or(false)
        });
        if !signed {
            return Err(AuthError::Invalid { reason: "signature" });
        }
        self.rules.of_jwt(token.claims()?, credential.fingerprint(), now)
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("keys", &self.keys)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// Whether a credential has the three parts of a signed JWT.
pub(crate) fn looks_like_jwt(credential: &str) -> bool {
    credential.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// A token taken apart, its header checked, its signature not yet.
struct Token<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    /// Reads the header. Keys that it brings along or points at (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
    fn parse(text: &'a str) -> Result<Self, AuthError> {
        let (signed, signature) = text.rsplit_once('.').ok_or(NOT_A_TOKEN)?;
        let (header, payload) = signed.split_once('.').ok_or(NOT_A_TOKEN)?;
        let header = object(header)?;
        let algorithm = self::text(&header, "alg")?
            .and_then(algorithm)
            .ok_or(AuthError::Invalid { reason: "algorithm" })?;
        let kind = self::text(&header, "typ")?;
        if !kind.is_none_or(is_access_token) {
            return Err(AuthError::Invalid { reason: "type" });
        }
        // No extension is understood here, so none may be critical (RFC 7515 §4.1.11).
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(AuthError::Invalid { reason: "critical_header" });
        }
        let key_id = self::text(&header, "kid")?.map(str::to_owned);
        Ok(Self { algorithm, key_id, signed, payload, signature })
    }

    fn claims(&self) -> Result<Map<String, Value>, AuthError> {
        object(self.payload)
    }
}

const NOT_A_TOKEN: AuthError = AuthError::Invalid { reason: "not_a_token" };

fn is_access_token(kind: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// An object in base64url without padding.
fn object(part: &str) -> Result<Map<String, Value>, AuthError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| NOT_A_TOKEN)?;
    serde_json::from_slice(&json).map(|UniqueMap(members)| members).map_err(|_| NOT_A_TOKEN)
}
