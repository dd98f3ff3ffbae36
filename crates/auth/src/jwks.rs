//! The issuer's keys as of now: fetched once for everybody, renewed behind the calls, kept when it is down.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use mcp_errors::Result;
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use url::Url;

use crate::{
    AuthError, ConfigError,
    digest::Digest,
    discovery::{Found, LIMITS, discover},
    fetch::{Fetch, IssuerUrl},
    jwk::KeySet,
    swap::Swap,
};

/// Until then nobody asks again: a new key is accepted, a withdrawn one refused, within 30 s.
const FRESH: Duration = Duration::from_secs(25);
/// From then on (after a pause without calls) a call waits for the renewal before it believes the keys.
const STALE: Duration = Duration::from_secs(30);
/// How long calls don't wait any more after a renewal failed: a server that hangs would slow them all.
const DISTRUST: Duration = Duration::from_mins(1);
/// Pause between attempts while there are keys.
const RETRY: Duration = Duration::from_secs(5);
/// Pause between attempts while there are none and every call is refused.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Pause between refreshes that tokens with an unknown `kid` cause: anybody can make one up.
const UNKNOWN_RETRY: Duration = Duration::from_secs(20);
/// Longest time that a call waits for keys.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest time for one refresh, discovery included.
const REFRESH_DEADLINE: Duration = Duration::from_secs(10);

/// The keys of one issuer; cheap to clone.
///
/// Must be used within a Tokio runtime: refreshes are tasks, so that a caller that goes away ends none.
#[derive(Clone, Debug)]
pub struct Jwks(Arc<Shared>);

struct Shared {
    source: Option<Source>,
    keys: Swap<Keys>,
    flight: Mutex<Flight>,
    landed: watch::Sender<()>,
}

/// Where keys come from.
struct Source {
    fetch: Arc<dyn Fetch>,
    place: Place,
}

enum Place {
    /// At a configured URL.
    Known(IssuerUrl),
    /// Where the issuer says; remembered until it fails.
    Discovered { issuer: String, url: IssuerUrl, found: Mutex<Option<Arc<Found>>> },
}

/// The keys of one document.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) set: Arc<KeySet>,
    /// Changes with every change of the document.
    pub(crate) generation: u64,
    document: Option<Digest>,
    loaded_at: Option<Instant>,
}

/// The refresh under way, and the times of earlier ones.
#[derive(Debug, Default)]
struct Flight {
    started_at: Option<Instant>,
    last: Option<Instant>,
    last_unknown: Option<Instant>,
    last_failed: Option<Instant>,
}

/// Why keys are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    First,
    Renewed,
    Unknown,
}

impl Jwks {
    /// The keys of a document that does not change by itself.
    ///
    /// # Errors
    ///
    /// When it is no JWK Set, is larger than 1 MiB or has more than 100 keys.
    pub fn fixed(document: &[u8]) -> Result<Self, ConfigError> {
        let jwks = Self::with_source(None);
        jwks.replace(document)?;
        Ok(jwks)
    }

    /// The keys at a URL.
    pub fn at(url: IssuerUrl, fetch: Arc<dyn Fetch>) -> Self {
        Self::with_source(Some(Source { fetch, place: Place::Known(url) }))
    }

    /// The keys of an issuer that says by its metadata where they are.
    ///
    /// # Errors
    ///
    /// When the issuer is no URL that may be asked.
    pub fn of_issuer(issuer: &str, fetch: Arc<dyn Fetch>) -> Result<Self, ConfigError> {
        let url = issuer.parse()?;
        let issuer = issuer.to_owned();
        let place = Place::Discovered { issuer, url, found: Mutex::default() };
        Ok(Self::with_source(Some(Source { fetch, place })))
    }

    fn with_source(source: Option<Source>) -> Self {
        Self(Arc::new(Shared {
            source,
            keys: Swap::default(),
            flight: Mutex::default(),
            landed: watch::Sender::default(),
        }))
    }

    /// Puts another document in force, as after a change of its file.
    ///
    /// # Errors
    ///
    /// As [`Jwks::fixed`]; the keys in force stay so.
    pub fn replace(&self, document: &[u8]) -> Result<(), ConfigError> {
        let before = self.0.keys.load();
        let digest = Digest::of(document);
        let same = before.document == Some(digest);
        let set = if same { Arc::clone(&before.set) } else { Arc::new(KeySet::parse(document)?) };
        self.0.keys.store(Keys {
            set,
            generation: before.generation + u64::from(!same),
            document: Some(digest),
            loaded_at: Some(Instant::now()),
        });
        Ok(())
    }

    /// Where the issuer's metadata was found, while that is known.
    pub fn discovered_at(&self) -> Option<Url> {
        match &self.0.source.as_ref()?.place {
            Place::Known(_) => None,
            Place::Discovered { found, .. } => lock(found).as_ref().map(|it| it.document.clone()),
        }
    }

    /// The keys in force. Waits at most 2 s, and only when there are none or they are older than 30 s.
    pub(crate) async fn current(&self) -> Result<Arc<Keys>, AuthError> {
        let keys = self.0.keys.load();
        match keys.loaded_at.map(|loaded_at| loaded_at.elapsed()) {
            Some(age) if self.0.source.is_none() || age < FRESH => return Ok(keys),
            Some(age) if age < STALE || self.0.failed_lately() => {
                self.start(Want::Renewed);
                return Ok(keys);
            }
            Some(_) => self.wait_for(Want::Renewed).await,
            None => self.wait_for(Want::First).await,
        }
        let keys = self.0.keys.load();
        if keys.loaded_at.is_some() {
            Ok(keys)
        } else {
            Err(AuthError::Unavailable { service: "jwks" })
        }
    }

    /// The keys after a token named one that is not among them.
    pub(crate) async fn after_unknown(&self) -> Arc<Keys> {
        self.wait_for(Want::Unknown).await;
        self.0.keys.load()
    }

    async fn wait_for(&self, want: Want) {
        if let Some((mut landed, started_at)) = self.start(want) {
            // Not from now: a server that hangs would hold up every call in turn.
            let patience = timeout_at(started_at + PATIENCE, landed.changed()).await;
            tracing::debug!(in_time = patience.is_ok(), "waited for the issuer's keys");
        }
    }

    /// Joins the refresh under way or starts one, unless the last was too recent. Tells when it began.
    fn start(&self, want: Want) -> Option<(watch::Receiver<()>, Instant)> {
        self.0.source.as_ref()?;
        let mut flight = self.0.flight();
        let landed = self.0.landed.subscribe();
        if let Some(started_at) = flight.started_at {
            return Some((landed, started_at));
        }
        let (last, pause) = match want {
            Want::First => (flight.last, FIRST_RETRY),
            Want::Renewed => (flight.last, RETRY),
            Want::Unknown => (flight.last_unknown, UNKNOWN_RETRY),
        };
        if last.is_some_and(|last| last.elapsed() < pause) {
            return None;
        }
        let now = Instant::now();
        flight.started_at = Some(now);
        flight.last = Some(now);
        if want == Want::Unknown {
            flight.last_unknown = Some(now);
        }
        drop(flight);
        let landing = Landing(self.clone());
        tokio::spawn(async move { landing.0.refresh().await });
        Some((landed, now))
    }

    async fn refresh(&self) {
        let Some(source) = &self.0.source else { return };
        let outcome = match timeout(REFRESH_DEADLINE, source.document()).await {
            Ok(Ok(document)) => self.replace(&document).map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        if let Err(cause) = outcome {
            source.forget();
            self.0.flight().last_failed = Some(Instant::now());
            tracing::warn!(
                cause,
                "the issuer's keys could not be renewed, the last good ones stay"
            );
        }
    }
}

impl Shared {
    fn flight(&self) -> MutexGuard<'_, Flight> {
        lock(&self.flight)
    }

    fn failed_lately(&self) -> bool {
        self.flight().last_failed.is_some_and(|failed| failed.elapsed() < DISTRUST)
    }
}

impl Source {
    async fn document(&self) -> Result<Bytes> {
        let url = match &self.place {
            Place::Known(url) => url.clone(),
            Place::Discovered { issuer, url, found } => {
                let known = lock(found).clone();
                if let Some(known) = known {
                    known.keys.clone()
                } else {
                    let new = discover(self.fetch.as_ref(), issuer, url).await?;
                    lock(found).insert(Arc::new(new)).keys.clone()
                }
            }
        };
        self.fetch.get(url.as_url(), LIMITS).await
    }

    /// Asks the issuer again next time: it may have moved its keys.
    fn forget(&self) {
        if let Place::Discovered { found, .. } = &self.place {
            *lock(found) = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the flight however its task ends, so that none is waited for in vain.
struct Landing(Jwks);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.0.flight().started_at = None;
        self.0.0.landed.send_replace(());
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("keys", &self.keys).finish_non_exhaustive()
    }
}
