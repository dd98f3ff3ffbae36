//! The configuration, with every secret and file that it names: read as a whole, checked, and put in force at once.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_shared::{Reached, SharedState};
use mcp_telemetry::logging::LogHandle;
use tokio::time::{sleep, timeout};

use super::{InForce, Part, ReloadStatus};
use crate::{
    Server,
    app::{App, catalog},
    config::{Basis, Core, Effect, Loaded, Problem, Snapshot, Sources, Stamps},
};

/// How long a domain may take to start beside the old one.
const START: Duration = Duration::from_secs(30);

/// How often it is looked whether the last call of a domain that was replaced has ended.
const RETIRING: Duration = Duration::from_millis(200);

/// What a running server was made of, and what of it another configuration replaces.
pub(crate) struct Configuration<S: Server> {
    sources: Sources,
    in_force: Basis,
    /// What was read last, in force or not.
    seen: Snapshot,
    app: InForce<App<S>>,
    log: LogHandle,
    /// None on stdio.
    #[cfg(feature = "http")]
    gate: Option<InForce<crate::http::Gate>>,
}

#[async_trait]
impl<S: Server> Part for Configuration<S> {
    fn name(&self) -> String {
        "configuration".to_owned()
    }

    fn files(&self) -> &Stamps {
        &self.in_force.files
    }

    async fn renew(&mut self) -> Result<(), String> {
        let (sources, metrics) = (self.sources.clone(), self.app.now().recorder.metrics().clone());
        let reading = tokio::task::spawn_blocking(move || sources.read::<S>(&metrics)).await;
        let reading = reading.map_err(|error| error.to_string())?;
        let mut files = reading.files;
        if reading.outcome.is_err() {
            // It may not have come to all of them.
            files.add_missing(&self.in_force.files.again());
        }
        self.in_force.files = files;
        self.put_in_force(reading.outcome.map_err(|problems| told(&problems))?).await
    }
}

impl<S: Server> Configuration<S> {
    /// The configuration that `app` runs under.
    pub(crate) fn new(
        sources: Sources,
        basis: Basis,
        app: InForce<App<S>>,
        log: LogHandle,
    ) -> Self {
        let seen = basis.snapshot.clone();
        Self {
            sources,
            in_force: basis,
            seen,
            app,
            log,
            #[cfg(feature = "http")]
            gate: None,
        }
    }

    /// Also what decides who comes in.
    #[cfg(feature = "http")]
    pub(crate) fn with_gate(self, gate: InForce<crate::http::Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Whether everything in force is what the files say.
    pub(super) fn status(&self) -> ReloadStatus {
        self.app.now().reloads.clone()
    }

    /// Prepares everything that can fail, and then replaces everything that has changed.
    async fn put_in_force(&mut self, loaded: Loaded<S::Config>) -> Result<(), String> {
        let changed = |kind| self.in_force.snapshot.changed(&loaded.basis.snapshot, kind);
        let (live, domain) = (changed(Effect::Live), changed(Effect::Domain));
        self.tell_what_waits(&loaded.basis.snapshot);
        if live.is_empty() && domain.is_empty() {
            return Ok(());
        }
        let core = loaded.core;
        let offered = catalog::<S>(&core, &loaded.server).map_err(|it| told(&it))?;
        let now = self.app.now();
        #[cfg(feature = "http")]
        let gate = self
            .gate
            .as_ref()
            .map(|gate| gate.now().renewed(&core, offered.scopes(), now.shared.as_ref()))
            .transpose()
            .map_err(|problems| told(&problems))?;
        let redis = redis(&now, &core, &live).await?;
        let server =
            if domain.is_empty() { None } else { Some(start::<S>(loaded.server, &domain).await?) };
        // From here on nothing fails.
        if let Err(error) = self.log.set_filter(&core.log.filter) {
            tracing::error!(%error, "the level of the log stays");
        }
        if let Some(shared) = &now.shared {
            shared.set_when_down(core.shared.when_down);
            if let Some(reached) = redis {
                shared.move_to(reached);
            }
        }
        #[cfg(feature = "http")]
        if let (Some(in_force), Some(gate)) = (&self.gate, gate) {
            gate.renew_credentials(&core.auth);
            in_force.replace(gate);
        }
        #[cfg(feature = "upstream")]
        match &server {
            Some(_) => self.in_force.upstreams = loaded.basis.upstreams,
            None => self.follow(&loaded.basis),
        }
        let is_replaced = server.is_some();
        let before = self.app.replace(now.renewed(server, offered, &core));
        if is_replaced {
            tokio::spawn(retire(before));
        }
        self.in_force.snapshot.adopt(loaded.basis.snapshot);
        let settings = named(&[live, domain].concat());
        tracing::info!(settings, "the configuration changed and is in force");
        Ok(())
    }

    /// Names the settings that wait for another start, once for every reading that says something new of them.
    fn tell_what_waits(&mut self, newer: &Snapshot) {
        let is_news = !self.seen.changed(newer, Effect::Restart).is_empty();
        let waiting = self.in_force.snapshot.changed(newer, Effect::Restart);
        self.seen = newer.clone();
        if is_news && !waiting.is_empty() {
            let settings = named(&waiting);
            tracing::warn!(settings, "these settings take effect when the server is started again");
        }
    }

    /// Has the upstreams of the domain that stays keep to the limits of now.
    #[cfg(feature = "upstream")]
    fn follow(&self, newer: &Basis) {
        for (name, limits) in &self.in_force.upstreams {
            if let Some(newer) = newer.upstreams.get(name) {
                limits.set(newer.get());
            }
        }
    }
}

/// Another Redis, where the configuration names one: it must answer before this one is left.
async fn redis<S: Server>(
    now: &App<S>,
    core: &Core,
    live: &[&'static str],
) -> Result<Option<Reached>, String> {
    if !live.contains(&"REDIS_URL") {
        return Ok(None);
    }
    let Some((shared, url)) = now.shared.as_ref().zip(core.shared.redis.clone()) else {
        let text = "a server begins to share its state, or ends it, when it is started again";
        tracing::warn!(settings = "REDIS_URL", text);
        return Ok(None);
    };
    let reached = SharedState::reach(shared, url).await;
    reached.map(Some).map_err(|why| format!("REDIS_URL: Redis cannot be used there: {why}"))
}

/// Starts the domain under its new settings.
async fn start<S: Server>(config: S::Config, changed: &[&'static str]) -> Result<S, String> {
    let problem = match timeout(START, S::start(config)).await {
        Ok(Ok(server)) => return Ok(server),
        Ok(Err(error)) => error.to_string(),
        Err(_elapsed) => format!("did not start within {} s", START.as_secs()),
    };
    let is_named = changed.iter().any(|setting| problem.starts_with(setting));
    Err(if is_named { problem } else { format!("{}: {problem}", named(changed)) })
}

/// Ends a domain that was replaced, after its last call.
async fn retire<S: Server>(before: Arc<App<S>>) {
    let server = Arc::clone(&before.server);
    drop(before);
    while Arc::strong_count(&server) > 1 {
        sleep(RETIRING).await;
    }
    server.stop().await;
}

/// Every problem in one line.
fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Settings as an operator knows them: a table by its name in brackets.
fn named(settings: &[&'static str]) -> String {
    let name = |setting: &&'static str| {
        let is_table = setting.starts_with(|first: char| first.is_ascii_lowercase());
        if is_table { format!("[{setting}]") } else { (*setting).to_owned() }
    };
    settings.iter().map(name).collect::<Vec<_>>().join(", ")
}
