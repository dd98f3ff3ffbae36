//! Who owns which session of this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use super::IN_ALL;

/// The sessions of this process; clones share them.
#[derive(Clone, Debug)]
pub(super) struct LocalSessions {
    owners: Arc<Mutex<Owners>>,
    per_principal: usize,
}

#[derive(Debug, Default)]
struct Owners {
    /// The principal's key of each session.
    of_session: HashMap<String, String>,
    /// How many each principal is opening now.
    opening: HashMap<String, usize>,
}

/// A place that is kept for a session while it is being opened.
#[derive(Debug)]
pub(in crate::http) struct Opening {
    sessions: LocalSessions,
    principal: String,
}

impl LocalSessions {
    pub(super) fn new(per_principal: usize) -> Self {
        Self { owners: Arc::default(), per_principal }
    }

    pub(super) fn is_owner(&self, principal: &str, id: &str) -> bool {
        self.owners().of_session.get(id).is_some_and(|owner| owner == principal)
    }

    /// Keeps a place, unless there are too many sessions. The SDK ends idle ones by itself.
    pub(super) async fn reserve(
        &self,
        manager: &LocalSessionManager,
        principal: &str,
    ) -> Option<Opening> {
        let alive = manager.sessions.read().await;
        let mut owners = self.owners();
        owners.of_session.retain(|id, _| alive.contains_key(id.as_str()));
        let opening = owners.opening.get(principal).copied().unwrap_or_default();
        let open = owners.of_session.values().filter(|owner| *owner == principal).count();
        let in_all = owners.of_session.len() + owners.opening.values().sum::<usize>();
        if open + opening >= self.per_principal || in_all >= IN_ALL {
            return None;
        }
        owners.opening.insert(principal.to_owned(), opening + 1);
        drop(owners);
        Some(Opening { sessions: self.clone(), principal: principal.to_owned() })
    }

    pub(super) fn bind(&self, opening: &Opening, id: &str) {
        self.owners().of_session.insert(id.to_owned(), opening.principal.clone());
    }

    pub(super) fn end(&self, id: &str) {
        self.owners().of_session.remove(id);
    }

    fn owners(&self) -> MutexGuard<'_, Owners> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut owners = self.sessions.owners();
        if let Some(opening) = owners.opening.get_mut(&self.principal) {
            *opening -= 1;
            if *opening == 0 {
                owners.opening.remove(&self.principal);
            }
        }
    }
}
