//! Sessions of clients before 2026-07-28: whose they are, and how many there may be.
//!
//! The SDK keeps the sessions themselves; it neither binds them to who opened them nor caps them. A session
//! id is no credential: with somebody else's token it is as unknown as one that never was.

mod local;
mod store;

use std::{str::FromStr, sync::Arc};

use axum::http::{HeaderMap, Method, StatusCode};
use mcp_auth::Principal;
use mcp_shared::{Place, SessionBounds, SharedSessions, SharedState};
use rmcp::transport::streamable_http_server::session::{SessionStore, local::LocalSessionManager};
use serde::Deserialize;

use super::refusal::Refusal;
use crate::config::HttpConfig;
use local::LocalSessions;
use store::Beginnings;

const SESSION_ID: &str = "mcp-session-id";

/// The most sessions of all.
const IN_ALL: usize = 1_000;

/// How clients before 2026-07-28 are served (`MCP_SESSIONS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SessionMode {
    /// Every request stands alone: any replica answers.
    #[default]
    Stateless,
    /// Sessions in this process.
    Local,
    /// Sessions that any replica serves.
    Redis,
}

impl FromStr for SessionMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stateless" => Ok(Self::Stateless),
            "local" => Ok(Self::Local),
            "redis" => Ok(Self::Redis),
            _ => Err("expected `stateless`, `local` or `redis`"),
        }
    }
}

/// Who owns which session.
#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) manager: Arc<LocalSessionManager>,
    per_principal: usize,
    ledger: Option<Ledger>,
}

/// Where it stands who owns which session.
#[derive(Debug)]
enum Ledger {
    Local(LocalSessions),
    Shared(SharedSessions),
}

/// What a request means to do with sessions.
#[derive(Debug)]
pub(super) enum Use {
    /// Nothing: a request of the current protocol, or sessions are off.
    None,
    /// It speaks in a session.
    Speak,
    /// It opens one.
    Open(Opening),
    /// It ends one.
    End { principal: String, id: String },
}

/// A place that is kept for a session while it is being opened.
#[derive(Debug)]
pub(super) enum Opening {
    Local(local::Opening),
    Shared(Place),
}

impl Sessions {
    /// Sessions that end by themselves when nothing is said for a while; with [`SessionMode::Redis`] in `shared`.
    pub(super) fn new(config: &HttpConfig, shared: Option<&SharedState>) -> Self {
        let mut manager = LocalSessionManager::default();
        let (idle, per_principal) = (config.session_idle, config.sessions_per_client);
        manager.session_config.keep_alive = Some(idle);
        let bounds = SessionBounds { idle, per_principal, in_all: IN_ALL };
        let ledger = match (config.sessions, shared) {
            (SessionMode::Stateless, _) => None,
            (SessionMode::Redis, Some(state)) => {
                Some(Ledger::Shared(SharedSessions::new(state, bounds)))
            }
            // Without a state to share the configuration is refused before this.
            (SessionMode::Local | SessionMode::Redis, _) => {
                Some(Ledger::Local(LocalSessions::new(per_principal)))
            }
        };
        Self { manager: Arc::new(manager), per_principal, ledger }
    }

    /// Whether there are any.
    pub(super) fn are_kept(&self) -> bool {
        self.ledger.is_some()
    }

    /// Where the SDK finds how the sessions of other replicas began.
    pub(super) fn store(&self) -> Option<Arc<dyn SessionStore>> {
        match &self.ledger {
            Some(Ledger::Shared(sessions)) => Some(Arc::new(Beginnings(sessions.clone()))),
            _ => None,
        }
    }

    /// Finds out what a request is about, and refuses a foreign session and one too many.
    pub(super) async fn admit(
        &self,
        principal: &Principal,
        (method, headers): (&Method, &HeaderMap),
        body: &[u8],
    ) -> Result<Use, Refusal> {
        let Some(ledger) = &self.ledger else { return Ok(Use::None) };
        let principal = principal.key();
        let Some(id) = headers.get(SESSION_ID) else {
            if !opens_session(body) {
                return Ok(Use::None);
            }
            let opening = ledger.reserve(&self.manager, principal).await?;
            return opening.map(Use::Open).ok_or_else(|| too_many(self.per_principal));
        };
        let id = id.to_str().unwrap_or_default();
        if !ledger.is_owner(principal, id).await? {
            let text = "there is no such session, initialize anew";
            return Err(Refusal::invalid(StatusCode::NOT_FOUND, text));
        }
        if method == Method::DELETE {
            return Ok(Use::End { principal: principal.to_owned(), id: id.to_owned() });
        }
        Ok(Use::Speak)
    }

    /// Keeps account of what the request did.
    ///
    /// # Errors
    /// When a session cannot be given to its principal, or taken away everywhere.
    pub(super) async fn settle(&self, done: Use, answered: &HeaderMap) -> Result<(), Refusal> {
        match (&self.ledger, done) {
            (Some(ledger), Use::Open(opening)) => {
                let id = answered.get(SESSION_ID).and_then(|id| id.to_str().ok());
                ledger.bind(opening, id).await
            }
            (Some(Ledger::Local(sessions)), Use::End { id, .. }) => {
                sessions.end(&id);
                Ok(())
            }
            (Some(Ledger::Shared(sessions)), Use::End { principal, id }) => {
                sessions.end(&principal, &id).await.map_err(|down| Refusal::uncounted(&down.into()))
            }
            (_, Use::None | Use::Speak) | (None, _) => Ok(()),
        }
    }
}

impl Ledger {
    async fn is_owner(&self, principal: &str, id: &str) -> Result<bool, Refusal> {
        match self {
            Self::Local(sessions) => Ok(sessions.is_owner(principal, id)),
            Self::Shared(sessions) => {
                let touched = sessions.touch(principal, id).await;
                touched.map_err(|down| Refusal::uncounted(&down.into()))
            }
        }
    }

    async fn reserve(
        &self,
        manager: &LocalSessionManager,
        principal: &str,
    ) -> Result<Option<Opening>, Refusal> {
        match self {
            Self::Local(sessions) => {
                Ok(sessions.reserve(manager, principal).await.map(Opening::Local))
            }
            Self::Shared(sessions) => {
                let reserved = sessions.reserve(principal).await;
                let place = reserved.map_err(|down| Refusal::uncounted(&down.into()))?;
                Ok(place.map(Opening::Shared))
            }
        }
    }

    async fn bind(&self, opening: Opening, id: Option<&str>) -> Result<(), Refusal> {
        match (self, opening, id) {
            (Self::Local(sessions), Opening::Local(opening), Some(id)) => {
                sessions.bind(&opening, id);
            }
            (Self::Shared(sessions), Opening::Shared(place), Some(id)) => {
                let bound = sessions.bind(&place, id).await;
                bound.map_err(|down| Refusal::uncounted(&down.into()))?;
            }
            (Self::Shared(sessions), Opening::Shared(place), None) => {
                sessions.give_back(&place).await;
            }
            _ => {}
        }
        Ok(())
    }
}

fn too_many(per_principal: usize) -> Refusal {
    let text = format!("too many sessions ({per_principal} a client), end one with DELETE");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", text)
}

/// Whether the message is the handshake of the legacy protocol.
fn opens_session(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        method: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<Named<'_>>(body).is_ok_and(|named| named.method == "initialize")
}
