//! The private key of an app: read again where it stands in a file, and kept where the file is of no use.

use std::{fmt, time::Duration};

use mcp_chassis::{Error, ErrorKind, Result, UpstreamSecret};
use octocrab::auth::EncodingKey;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Mutex, time::Instant};

/// So long a replaced key stays usable: GitHub may learn of the new one later than we do.
const OVERLAP: Duration = Duration::from_mins(5);

/// The key that the app signs with.
pub(super) struct AppKey {
    secret: UpstreamSecret,
    keys: Mutex<Keys>,
}

struct Keys {
    pem: SecretString,
    current: EncodingKey,
    /// What was current before, and until when.
    previous: Option<(EncodingKey, Instant)>,
}

impl AppKey {
    /// Reads the key for the first time.
    ///
    /// # Errors
    /// When it is none that can sign.
    pub(super) async fn read(secret: UpstreamSecret) -> Result<Self> {
        let pem = secret.read().await.map_err(|_error| unusable())?;
        let current = parse(&pem)?;
        Ok(Self { secret, keys: Mutex::new(Keys { pem, current, previous: None }) })
    }

    /// The key as it is now. A file that holds none leaves the last one.
    pub(super) async fn current(&self) -> EncodingKey {
        let mut keys = self.keys.lock().await;
        let Ok(pem) = self.secret.read().await else { return keys.current.clone() };
        if pem.expose_secret() == keys.pem.expose_secret() {
            return keys.current.clone();
        }
        match parse(&pem) {
            Ok(key) => {
                let replaced = std::mem::replace(&mut keys.current, key);
                keys.previous = Some((replaced, Instant::now() + OVERLAP));
                keys.pem = pem;
            }
            Err(error) => tracing::warn!("the last key stays in use: {error}"),
        }
        keys.current.clone()
    }

    /// The key before, as long as it may be tried.
    pub(super) async fn previous(&self) -> Option<EncodingKey> {
        let keys = self.keys.lock().await;
        let (key, until) = keys.previous.as_ref()?;
        (Instant::now() < *until).then(|| key.clone())
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppKey")
    }
}

fn parse(pem: &SecretString) -> Result<EncodingKey> {
    EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).map_err(|_error| unusable())
}

pub(super) fn unusable() -> Error {
    let kind = ErrorKind::InvalidInput { fields: Vec::new() };
    Error::new(kind, "GITHUB_APP_PRIVATE_KEY is no RSA private key in PEM that can be read")
}
