//! The secret that an upstream knows us by: held here alone, and read again where it stands in a file.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use mcp_errors::{Error, ErrorKind, Result};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    fs::File,
    io::AsyncReadExt,
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout_at},
};

use super::issued::{Issued, TokenIssuer};
use crate::Failure;

/// A file is not read more often.
const RELOAD: Duration = Duration::from_secs(1);
/// So long a replaced secret stays usable: the upstream may learn of the new one later than we do.
const OVERLAP: Duration = Duration::from_mins(5);
/// The longest secret, in bytes.
const MAX_SECRET: u64 = 8 << 10;
/// How a token is introduced (RFC 6750 §2.1).
const BEARER: &str = "Bearer ";

/// A secret as a deployment gives it.
#[derive(Clone, Debug)]
pub enum UpstreamSecret {
    /// As it is.
    Given(SecretString),
    /// In a file, which may be replaced.
    InFile(PathBuf),
}

impl UpstreamSecret {
    /// The secret as it is now.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub async fn read(&self) -> Result<SecretString> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::InFile(file) => read(file).await,
        }
    }

    /// The secret as the value of `header`; in a file, it is read again as [`UpstreamCredential::in_file`].
    ///
    /// # Errors
    /// As [`UpstreamCredential::in_file`].
    pub async fn in_header(self, header: &'static str) -> Result<UpstreamCredential> {
        match self {
            Self::Given(secret) => UpstreamCredential::fixed(header, &secret),
            Self::InFile(file) => UpstreamCredential::in_file(header, file).await,
        }
    }

    /// The secret as a token that is sent as `Authorization: Bearer`; in a file, it is read again in the same way.
    ///
    /// # Errors
    /// As [`UpstreamCredential::in_file`].
    pub async fn as_bearer(self) -> Result<UpstreamCredential> {
        let now = self.read().await?;
        let file = match self {
            Self::Given(_) => None,
            Self::InFile(file) => Some(file),
        };
        UpstreamCredential::kept(AUTHORIZATION.as_str(), BEARER, file, &now)
    }
}

/// A secret that is sent in one header with every request.
#[derive(Debug)]
pub struct UpstreamCredential {
    header: HeaderName,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    Kept(Kept),
    Issued(Issued),
}

/// A secret of the configuration.
#[derive(Debug)]
struct Kept {
    /// What stands before the secret.
    scheme: &'static str,
    file: Option<PathBuf>,
    secrets: Mutex<Secrets>,
}

/// Marked as sensitive, so that none of them is ever printed.
#[derive(Debug)]
struct Secrets {
    current: HeaderValue,
    /// What was current before, and until when.
    previous: Option<(HeaderValue, Instant)>,
    read_at: Instant,
}

impl UpstreamCredential {
    /// A secret that stays as it is.
    ///
    /// # Errors
    /// When it, or the name, cannot stand in a header.
    pub fn fixed(header: &'static str, secret: &SecretString) -> Result<Self> {
        Self::kept(header, "", None, secret)
    }

    /// The secret in `file`, which is read again within a second of its change. The one before stays usable for five
    /// minutes, and is tried when the upstream refuses the new one.
    ///
    /// # Errors
    /// When the file cannot be read now, or as [`UpstreamCredential::fixed`].
    pub async fn in_file(header: &'static str, file: PathBuf) -> Result<Self> {
        let secret = read(&file).await?;
        Self::kept(header, "", Some(file), &secret)
    }

    /// Tokens that `issuer` issues, sent as `Authorization: Bearer`. One is used until five minutes before its end, and
    /// replaced once when the upstream refuses it.
    pub fn issued(issuer: Box<dyn TokenIssuer>) -> Self {
        Self { header: AUTHORIZATION, holder: Holder::Issued(Issued::new(BEARER, issuer)) }
    }

    fn kept(
        header: &str,
        scheme: &'static str,
        file: Option<PathBuf>,
        secret: &SecretString,
    ) -> Result<Self> {
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_cause| unusable())?;
        let current = header_value(scheme, secret)?;
        let secrets = Secrets { current, previous: None, read_at: Instant::now() };
        let kept = Kept { scheme, file, secrets: Mutex::new(secrets) };
        Ok(Self { header, holder: Holder::Kept(kept) })
    }

    pub(super) fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The secret as it is now.
    pub(super) async fn current(&self, until: Instant) -> Result<HeaderValue, Failure> {
        match &self.holder {
            Holder::Kept(kept) => Ok(kept.fresh().await.current.clone()),
            Holder::Issued(issued) => in_time(until, issued.token(None)).await,
        }
    }

    /// What may still be tried when `refused` is refused.
    pub(super) async fn instead_of(
        &self,
        refused: &HeaderValue,
        until: Instant,
    ) -> Result<Option<HeaderValue>, Failure> {
        match &self.holder {
            Holder::Kept(kept) => Ok(kept.previous().await),
            Holder::Issued(issued) => in_time(until, issued.token(Some(refused))).await.map(Some),
        }
    }
}

/// The issuer's failure is not the upstream's: neither is the call repeated nor does the breaker count it.
async fn in_time(
    until: Instant,
    token: impl Future<Output = Result<HeaderValue>>,
) -> Result<HeaderValue, Failure> {
    let late = || Error::new(ErrorKind::Timeout, "no token was issued in time");
    let issued = timeout_at(until, token).await.unwrap_or_else(|_elapsed| Err(late()));
    issued.map_err(Failure::answered)
}

impl Kept {
    async fn previous(&self) -> Option<HeaderValue> {
        let secrets = self.secrets.lock().await;
        let (previous, until) = secrets.previous.as_ref()?;
        (Instant::now() < *until).then(|| previous.clone())
    }

    async fn fresh(&self) -> MutexGuard<'_, Secrets> {
        let mut secrets = self.secrets.lock().await;
        let Some(file) = self.file.as_ref().filter(|_| secrets.read_at.elapsed() >= RELOAD) else {
            return secrets;
        };
        secrets.read_at = Instant::now();
        match read(file).await.and_then(|secret| header_value(self.scheme, &secret)) {
            Ok(value) if value != secrets.current => {
                let replaced = std::mem::replace(&mut secrets.current, value);
                secrets.previous = Some((replaced, Instant::now() + OVERLAP));
            }
            Ok(_unchanged) => {}
            // A file that is being replaced may be gone for a moment.
            Err(error) => tracing::warn!("the last credential stays in use: {error}"),
        }
        secrets
    }
}

async fn read(file: &Path) -> Result<SecretString> {
    let unreadable = |cause| unusable().with_source(cause);
    let mut text = String::new();
    let opened = File::open(file).await.map_err(|cause: std::io::Error| unreadable(cause))?;
    let mut bounded = opened.take(MAX_SECRET + 1);
    bounded.read_to_string(&mut text).await.map_err(unreadable)?;
    if text.len() as u64 > MAX_SECRET || text.trim().is_empty() {
        return Err(unusable());
    }
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

pub(super) fn header_value(scheme: &str, secret: &SecretString) -> Result<HeaderValue> {
    let text = format!("{scheme}{}", secret.expose_secret());
    let mut value = HeaderValue::from_str(&text).map_err(|_cause| unusable())?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable() -> Error {
    let kind = ErrorKind::InvalidInput { fields: Vec::new() };
    Error::new(kind, "the credential of an upstream cannot be read or cannot stand in a header")
}
