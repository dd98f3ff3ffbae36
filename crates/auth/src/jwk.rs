//! Keys of an issuer, each bound to the algorithms that it may serve (RFC 7517, RFC 8725 §3.1).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    ConfigError,
    json::{UniqueMap, texts},
};

/// Largest document, in bytes.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
/// Most keys in a document.
const MAX_KEYS: usize = 100;
/// Longest `kid`, in bytes.
const MAX_KEY_ID_BYTES: usize = 256;

/// The algorithm of that name, if a token may use it: signatures with a public key only.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "RS384" => Some(Algorithm::RS384),
        "RS512" => Some(Algorithm::RS512),
        "PS256" => Some(Algorithm::PS256),
        "PS384" => Some(Algorithm::PS384),
        "PS512" => Some(Algorithm::PS512),
        "ES256" => Some(Algorithm::ES256),
        "ES384" => Some(Algorithm::ES384),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

/// The kinds of keys that are accepted. A shared secret (`oct`) is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    fn serves(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => self == Self::Rsa,
            Algorithm::ES256 => self == Self::P256,
            Algorithm::ES384 => self == Self::P384,
            Algorithm::EdDSA => self == Self::Ed25519,
            // No HMAC: the public key would be the shared secret.
            _ => false,
        }
    }
}

/// A public key and what it may be used for.
pub(crate) struct Key {
    id: Option<String>,
    kind: Kind,
    /// The one algorithm that the issuer uses it with, where it says so.
    only: Option<Algorithm>,
    public: DecodingKey,
}

impl Key {
    /// Reads a key; `None` if it is not one that could verify a token.
    fn read(members: &Map<String, Value>) -> Option<Self> {
        let text = |name| members.get(name).map_or(Some(None), |value| value.as_str().map(Some));
        let use_fits = text("use")?.is_none_or(|purpose| purpose == "sig");
        let operations = texts(members, "key_ops").ok()?;
        let operation_fits = operations.is_none_or(|operations| operations.contains(&"verify"));
        // A private key that was published is nobody's any more.
        if !use_fits || !operation_fits || members.contains_key("d") {
            return None;
        }
        let id = text("kid")?.filter(|id| id.len() <= MAX_KEY_ID_BYTES).map(str::to_owned);
        let (kind, public) = Self::public_key(members)?;
        let only = match text("alg")? {
            Some(name) => Some(algorithm(name).filter(|algorithm| kind.serves(*algorithm))?),
            None => None,
        };
        Some(Self { id, kind, only, public })
    }

    fn public_key(members: &Map<String, Value>) -> Option<(Kind, DecodingKey)> {
        let text = |name| members.get(name).and_then(Value::as_str);
        let bytes = |name| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let (modulus, exponent) = (bytes("n")?, bytes("e")?);
                // 2048 to 8192 bits; a huge exponent would make each check slow.
                let sized = (256..=1024).contains(&modulus.len()) && exponent.len() <= 4;
                let strong = modulus.first().is_some_and(|byte| *byte != 0);
                let key = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
                (sized && strong).then_some((Kind::Rsa, key))
            }
            ("EC", Some(curve)) => {
                let (kind, size) = match curve {
                    "P-256" => (Kind::P256, 32),
                    "P-384" => (Kind::P384, 48),
                    _ => return None,
                };
                let sized = bytes("x")?.len() == size && bytes("y")?.len() == size;
                let key = DecodingKey::from_ec_components(text("x")?, text("y")?).ok()?;
                sized.then_some((kind, key))
            }
            ("OKP", Some("Ed25519")) => {
                let point = bytes("x")?;
                (point.len() == 32).then(|| (Kind::Ed25519, DecodingKey::from_ed_der(&point)))
            }
            _ => None,
        }
    }

    /// The key for a check with `algorithm`, if it may serve it.
    fn serving(&self, algorithm: Algorithm) -> Option<&DecodingKey> {
        let bound = self.only.is_none_or(|only| only == algorithm);
        (bound && self.kind.serves(algorithm)).then_some(&self.public)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The keys of one document.
#[derive(Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWK Set. Keys for other purposes and of unknown kinds are passed over.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<UniqueMap>,
        }

        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(ConfigError::TooLarge { most: MAX_DOCUMENT_BYTES });
        }
        let document: Document =
            serde_json::from_slice(document).map_err(|_| ConfigError::KeySet)?;
        if document.keys.len() > MAX_KEYS {
            return Err(ConfigError::KeySet);
        }
        Ok(Self(document.keys.iter().filter_map(|key| Key::read(&key.0)).collect()))
    }

    /// Whether a key has this identifier, whatever it may be used for.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The keys that may have signed a token with this header. Without a `kid` that is every fitting one.
    pub(crate) fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        self.0
            .iter()
            .filter(move |key| id.is_none() || key.id.as_deref() == id)
            .filter_map(move |key| key.serving(algorithm))
    }
}
