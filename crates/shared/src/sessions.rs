//! Sessions of clients before 2026-07-28 that any replica can serve.

use std::{sync::LazyLock, time::Duration};

use redis::Script;
use uuid::Uuid;

use crate::{Down, SharedState, digest};

/// How long a session may take to be opened.
const OPENING: Duration = Duration::from_secs(30);

static RESERVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("sessions/reserve.lua")));
static BIND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("sessions/bind.lua")));
static TOUCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("sessions/touch.lua")));

/// Whose sessions there are, and how each began, so that a replica that does not know one can begin it anew.
#[derive(Clone, Debug)]
pub struct SharedSessions {
    state: SharedState,
    bounds: SessionBounds,
}

/// How long a session lasts and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct SessionBounds {
    /// The longest in which nothing is said.
    pub idle: Duration,
    /// The most of one principal.
    pub per_principal: usize,
    /// The most at all replicas together.
    pub in_all: usize,
}

/// A place for a session that is being opened. It lapses after half a minute.
#[derive(Debug)]
pub struct Place {
    owner: String,
    id: String,
}

impl SharedSessions {
    /// The sessions in `state`.
    pub fn new(state: &SharedState, bounds: SessionBounds) -> Self {
        Self { state: state.clone(), bounds }
    }

    /// Keeps a place for one more session of `principal`; `None` when there are too many.
    ///
    /// # Errors
    /// When Redis cannot be asked now.
    pub async fn reserve(&self, principal: &str) -> Result<Option<Place>, Down> {
        let place = Place { owner: digest(principal), id: Uuid::new_v4().simple().to_string() };
        let SessionBounds { per_principal, in_all, .. } = self.bounds;
        let kept = self.state.ask(async |mut connection| {
            let mut call = RESERVE.key(self.list_of(&place.owner));
            call.key(self.list_of_all()).arg(&place.id).arg(millis(OPENING));
            call.arg(per_principal).arg(in_all).arg(self.life_of_lists());
            call.invoke_async::<bool>(&mut connection).await
        });
        Ok(kept.await?.then_some(place))
    }

    /// Gives the session `id`, whose beginning was saved, to the principal of `place`.
    ///
    /// # Errors
    /// When Redis cannot be asked now or does not have its beginning; the session is then nobody's.
    pub async fn bind(&self, place: &Place, id: &str) -> Result<(), Down> {
        let bound = self.state.ask(async |mut connection| {
            let mut call = BIND.key(self.session(id));
            call.key(self.list_of(&place.owner)).key(self.list_of_all());
            call.arg(&place.owner).arg(&place.id).arg(id);
            call.arg(millis(self.bounds.idle)).arg(self.life_of_lists());
            call.invoke_async::<bool>(&mut connection).await
        });
        if bound.await? { Ok(()) } else { Err(Down { in_doubt: false }) }
    }

    /// Gives a place back that no session has taken.
    pub async fn give_back(&self, place: &Place) {
        // A place that cannot be given back lapses.
        drop(self.strike(&place.owner, &place.id).await);
    }

    /// Whether the session is of this principal. If so, its idle time begins anew.
    ///
    /// # Errors
    /// When Redis cannot be asked now.
    pub async fn touch(&self, principal: &str, id: &str) -> Result<bool, Down> {
        let owner = digest(principal);
        let touched = self.state.ask(async |mut connection| {
            let mut call = TOUCH.key(self.session(id));
            call.key(self.list_of(&owner)).key(self.list_of_all());
            call.arg(&owner).arg(id).arg(millis(self.bounds.idle)).arg(self.life_of_lists());
            call.invoke_async::<bool>(&mut connection).await
        });
        touched.await
    }

    /// Ends a session of this principal at every replica.
    ///
    /// # Errors
    /// When Redis cannot be asked now.
    pub async fn end(&self, principal: &str, id: &str) -> Result<(), Down> {
        self.forget(id).await?;
        self.strike(&digest(principal), id).await
    }

    /// Keeps how a session began; it is nobody's until it is bound.
    ///
    /// # Errors
    /// When Redis cannot be asked now.
    pub async fn save(&self, id: &str, beginning: &str) -> Result<(), Down> {
        let key = self.session(id);
        let mut save = redis::pipe();
        save.atomic().hset(&key, "beginning", beginning).ignore();
        save.cmd("PEXPIRE").arg(&key).arg(millis(OPENING)).ignore();
        self.state.ask(async |mut connection| save.query_async(&mut connection).await).await
    }

    /// How a session began that another replica opened.
    ///
    /// # Errors
    /// When Redis cannot be asked now.
    pub async fn load(&self, id: &str) -> Result<Option<String>, Down> {
        let mut read = redis::cmd("HGET");
        read.arg(self.session(id)).arg("beginning");
        self.state.ask(async |mut connection| read.query_async(&mut connection).await).await
    }

    /// Forgets how a session began, so that no replica serves it any more.
    ///
    /// # Errors
    /// When Redis cannot be asked now.
    pub async fn forget(&self, id: &str) -> Result<(), Down> {
        let mut delete = redis::cmd("DEL");
        delete.arg(self.session(id));
        self.state.ask(async |mut connection| delete.query_async(&mut connection).await).await
    }

    /// Takes a session or a place off the lists.
    async fn strike(&self, owner: &str, id: &str) -> Result<(), Down> {
        let mut strike = redis::pipe();
        strike.zrem(self.list_of(owner), id).ignore().zrem(self.list_of_all(), id).ignore();
        self.state.ask(async |mut connection| strike.query_async(&mut connection).await).await
    }

    fn session(&self, id: &str) -> String {
        self.state.key("session", &digest(id))
    }

    fn list_of(&self, owner: &str) -> String {
        self.state.key("sessions-of", owner)
    }

    fn list_of_all(&self) -> String {
        self.state.key("sessions", "all")
    }

    /// Longer than any entry lives.
    fn life_of_lists(&self) -> u64 {
        millis(self.bounds.idle + OPENING)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
