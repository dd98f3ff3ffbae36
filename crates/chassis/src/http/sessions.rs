//! Sessions of clients before 2026-07-28: whose they are, and how many there may be.
//!
//! The SDK keeps the sessions themselves; it neither binds them to who opened them nor caps them. A session
//! id is no credential: with somebody else's token it is as unknown as one that never was.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, Method, StatusCode};
use mcp_auth::Principal;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde::Deserialize;

use super::refusal::Refusal;

const SESSION_ID: &str = "mcp-session-id";

/// The most sessions of one principal.
const PER_PRINCIPAL: usize = 16;

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
}

impl FromStr for SessionMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stateless" => Ok(Self::Stateless),
            "local" => Ok(Self::Local),
            "redis" => {
                Err("`redis` is not built yet in this version; expected `stateless` or `local`")
            }
            _ => Err("expected `stateless` or `local`"),
        }
    }
}

/// Who owns which session.
#[derive(Debug)]
pub(super) struct Sessions {
    mode: SessionMode,
    pub(super) manager: Arc<LocalSessionManager>,
    owners: Arc<Mutex<Owners>>,
}

#[derive(Debug, Default)]
struct Owners {
    /// The principal's key of each session.
    of_session: HashMap<String, String>,
    /// How many each principal is opening now.
    opening: HashMap<String, usize>,
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
    End(String),
}

/// A place that is kept for a session while it is being opened.
#[derive(Debug)]
pub(super) struct Opening {
    owners: Arc<Mutex<Owners>>,
    principal: String,
}

impl Sessions {
    /// Sessions that end by themselves when nothing is said for `idle`.
    pub(super) fn new(mode: SessionMode, idle: Duration) -> Self {
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(idle);
        Self { mode, manager: Arc::new(manager), owners: Arc::default() }
    }

    /// Finds out what a request is about, and refuses a foreign session and one too many.
    pub(super) async fn admit(
        &self,
        principal: &Principal,
        (method, headers): (&Method, &HeaderMap),
        body: &[u8],
    ) -> Result<Use, Refusal> {
        if self.mode == SessionMode::Stateless {
            return Ok(Use::None);
        }
        let Some(id) = headers.get(SESSION_ID) else {
            return if opens_session(body) { self.reserve(principal).await } else { Ok(Use::None) };
        };
        let id = id.to_str().unwrap_or_default();
        let owner = self.owners().of_session.get(id).cloned();
        if owner.as_deref() != Some(principal.key()) {
            return Err(Refusal::invalid(
                StatusCode::NOT_FOUND,
                "there is no such session, initialize anew",
            ));
        }
        Ok(if method == Method::DELETE { Use::End(id.to_owned()) } else { Use::Speak })
    }

    /// Keeps account of what the request did.
    pub(super) fn settle(&self, done: Use, answered: &HeaderMap) {
        match done {
            Use::None | Use::Speak => {}
            Use::End(id) => drop(self.owners().of_session.remove(&id)),
            Use::Open(opening) => {
                if let Some(id) = answered.get(SESSION_ID).and_then(|id| id.to_str().ok()) {
                    let owner = opening.principal.clone();
                    self.owners().of_session.insert(id.to_owned(), owner);
                }
            }
        }
    }

    async fn reserve(&self, principal: &Principal) -> Result<Use, Refusal> {
        self.forget_expired().await;
        let mut owners = self.owners();
        let key = principal.key();
        let opening = owners.opening.get(key).copied().unwrap_or_default();
        let open = owners.of_session.values().filter(|owner| *owner == key).count();
        let in_all = owners.of_session.len() + owners.opening.values().sum::<usize>();
        if open + opening >= PER_PRINCIPAL || in_all >= IN_ALL {
            let text = format!("too many sessions ({PER_PRINCIPAL} a client), end one with DELETE");
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", text));
        }
        owners.opening.insert(key.to_owned(), opening + 1);
        drop(owners);
        Ok(Use::Open(Opening { owners: Arc::clone(&self.owners), principal: key.to_owned() }))
    }

    /// The SDK ends idle sessions by itself.
    async fn forget_expired(&self) {
        let alive = self.manager.sessions.read().await;
        self.owners().of_session.retain(|id, _| alive.contains_key(id.as_str()));
    }

    fn owners(&self) -> MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opening) = owners.opening.get_mut(&self.principal) {
            *opening -= 1;
            if *opening == 0 {
                owners.opening.remove(&self.principal);
            }
        }
    }
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
