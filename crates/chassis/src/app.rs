//! A server with everything around it, ready to be called.

use std::{sync::Arc, time::Duration};

use mcp_auth::Principal;
use mcp_sanitize::{Findings, Sanitizer, Treatment};
use mcp_shared::SharedState;
use rmcp::model::{
    Implementation, JsonObject, PromptsCapability, ResourcesCapability, ServerCapabilities,
    ServerConfig, TASKS_EXTENSION_ID, ToolsCapability,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    BecomesTask, Catalog, Check, Features, Server, StartError, api_reference,
    changes::{ChangeFeed, Following},
    config::{Core, IdempotencyMode, Problem},
    pipeline::Guards,
    recorder::Recorder,
    reload::ReloadStatus,
    seal::Sealer,
    spec::scope_set,
    tasks::Tasks,
};

/// A domain server and the chassis it stands on, under one configuration.
#[derive(Debug)]
pub(crate) struct App<S: Server> {
    pub(crate) server: Arc<S>,
    pub(crate) catalog: Catalog<S>,
    pub(crate) guards: Guards,
    pub(crate) recorder: Recorder,
    pub(crate) changes: ChangeFeed,
    /// Hears of changes elsewhere, as long as an application with this server is in force or in use.
    following: Arc<Following>,
    /// What it shares with its replicas; `None` where it stands alone.
    pub(crate) shared: Option<SharedState>,
    /// Whether what the files say is in force.
    pub(crate) reloads: ReloadStatus,
    /// Seals what clients keep for us.
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) tasks: Arc<Tasks>,
    /// What `initialize` and `server/discover` say.
    pub(crate) info: ServerConfig,
    /// The implementation's name and version, as results carry it.
    pub(crate) server_info: Value,
    /// No new work: set when a signal says stop.
    pub(crate) stopping: CancellationToken,
    /// No more waiting: set when calls in flight have ended, or their time has.
    pub(crate) stopped: CancellationToken,
}

impl<S: Server> App<S> {
    /// Joins a started server with what its deployment decided.
    pub(crate) fn new(
        server: S,
        catalog: Catalog<S>,
        core: &Core,
        (sanitizer, sealer): (Arc<Sanitizer>, Sealer),
        (recorder, reloads): (Recorder, ReloadStatus),
        shared: Option<SharedState>,
    ) -> Self {
        let guards = Guards::new(&core.limits, &core.offer, sanitizer, shared.as_ref());
        let info = info(&catalog);
        let stopped = CancellationToken::new();
        // Every result carries it, so without the picture.
        let mut signature = info.server_info.clone();
        signature.icons = None;
        let server_info = serde_json::to_value(&signature).unwrap_or_default();
        let (server, changes) = (Arc::new(server), ChangeFeed::new());
        Self {
            following: Following::start(&server, &changes),
            server,
            catalog,
            guards,
            recorder,
            changes,
            shared,
            reloads,
            sealer: Arc::new(sealer),
            tasks: Arc::new(Tasks::new(stopped.clone())),
            info,
            server_info,
            stopping: CancellationToken::new(),
            stopped,
        }
    }

    /// The same server under another configuration: what it counts, remembers and promised goes on.
    pub(crate) fn renewed(&self, server: Option<S>, catalog: Catalog<S>, core: &Core) -> Self {
        self.recorder.register(&catalog);
        let info = info(&catalog);
        let (server, following) = match server.map(Arc::new) {
            Some(server) => (Arc::clone(&server), Following::start(&server, &self.changes)),
            None => (Arc::clone(&self.server), Arc::clone(&self.following)),
        };
        Self {
            server,
            following,
            catalog,
            guards: self.guards.renewed(&core.limits, &core.offer, self.shared.as_ref()),
            recorder: self.recorder.clone(),
            changes: self.changes.clone(),
            shared: self.shared.clone(),
            reloads: self.reloads.clone(),
            sealer: Arc::clone(&self.sealer),
            tasks: Arc::clone(&self.tasks),
            info,
            server_info: self.server_info.clone(),
            stopping: self.stopping.clone(),
            stopped: self.stopped.clone(),
        }
    }

    /// Probes every dependency.
    pub(crate) async fn check(&self) -> Vec<Check> {
        let mut checks = self.server.checks().await;
        checks.extend(self.recorder.check().await);
        if let Some(shared) = &self.shared {
            checks.push(Check::run(SHARED_CHECK, shared.check()).await);
        }
        checks.push(self.reloads.check());
        checks
    }

    /// Whether calls are refused while the state that replicas share is down.
    #[cfg(feature = "http")]
    pub(crate) fn needs_shared_state(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.when_down() == mcp_shared::WhenDown::Deny)
    }

    /// The figures as Prometheus reads them.
    #[cfg(feature = "http")]
    pub(crate) fn render_metrics(&self) -> String {
        self.recorder.render_metrics()
    }

    /// What says that no new work is taken, and what says that nothing is waited for any more.
    pub(crate) fn ends(&self) -> (CancellationToken, CancellationToken) {
        (self.stopping.clone(), self.stopped.clone())
    }

    /// Text from outside as an error may repeat it: short, cleaned, without control characters.
    pub(crate) fn quote(&self, text: &str) -> String {
        const MAX_QUOTED: usize = 64;
        let short: String = text.chars().take(MAX_QUOTED).collect();
        let mut findings = Findings::default();
        let clean = self.guards.sanitizer.text(&short, Treatment::Clean, &mut findings);
        clean.replace(['\n', '\t', '`'], " ")
    }

    /// Ends the server after its last call.
    pub(crate) async fn stop(&self) {
        self.server.stop().await;
        self.recorder.close().await;
    }
}

/// What a server offers under a configuration: fewer tools, tighter limits, its own documentation.
///
/// # Errors
/// When the configuration names tools that there are none of.
pub(crate) fn catalog<S: Server>(
    core: &Core,
    config: &S::Config,
) -> Result<Catalog<S>, Vec<Problem>> {
    let mut catalog = Catalog::<S>::of_server(config);
    let names: Vec<_> = catalog.tools().iter().map(|tool| tool.spec.name()).collect();
    let unknown = |variable: &str, name: &str| {
        let known = names.join(", ");
        (!names.contains(&name)).then(|| {
            Problem::new(variable, "configuration", format!("no tool `{name}`; there are {known}"))
        })
    };
    let listed = core.offer.tools.iter().flatten().filter_map(|name| unknown("MCP_TOOLS", name));
    let tightened = core.offer.overrides.keys().filter_map(|name| unknown("[tools]", name));
    let twice = catalog.duplicates().into_iter().map(|name| {
        Problem::new(name, "registration", "is registered twice; a name stands for one thing")
    });
    let unroutable = catalog
        .unroutable()
        .into_iter()
        .map(|name| Problem::new(name, "registration", "is no argument that a header can repeat"));
    let problems: Vec<_> = listed.chain(tightened).chain(twice).chain(unroutable).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    catalog.restrict(|tool| {
        let name = tool.spec.name();
        if let Some(tightened) = core.offer.overrides.get(name) {
            let own = tool.own_description();
            tool.spec.tighten(tightened.deadline.map(|it| it.0), tightened.output_budget);
            tool.redescribe(&own);
        }
        let writes = tool.spec.kind.effect.writes();
        if writes && core.offer.idempotency == IdempotencyMode::Required {
            tool.require_idempotency_key();
        }
        let listed =
            core.offer.tools.as_ref().is_none_or(|names| names.iter().any(|it| it == name));
        listed && !(core.offer.read_only && writes)
    });
    api_reference::offer(&mut catalog);
    Ok(catalog)
}

/// The client of a stdio server: the person who started it.
pub(crate) fn stdio_principal<S: Server>(core: &Core, catalog: &Catalog<S>) -> Principal {
    let scopes = core.auth.stdio_scopes.clone();
    Principal::stdio(scopes.unwrap_or_else(|| scope_set(&catalog.scopes().0)))
}

fn info<S: Server>(catalog: &Catalog<S>) -> ServerConfig {
    let Features { logging, changing_tools, changing_prompts } = S::FEATURES;
    let mut capabilities = ServerCapabilities::default();
    let mut tools = ToolsCapability::default();
    tools.list_changed = changing_tools.then_some(true);
    capabilities.tools = Some(tools);
    let mut prompts = PromptsCapability::default();
    prompts.list_changed = changing_prompts.then_some(true);
    capabilities.prompts = Some(prompts);
    capabilities.logging = logging.then(JsonObject::new);
    if catalog.tools().iter().any(|tool| tool.spec.kind.becomes_task != BecomesTask::Never) {
        let extensions = [(TASKS_EXTENSION_ID.to_owned(), JsonObject::new())];
        capabilities.extensions = Some(extensions.into_iter().collect());
    }
    capabilities.completions = Some(JsonObject::new());
    let mut resources = ResourcesCapability::default();
    (resources.subscribe, resources.list_changed) = (Some(true), Some(true));
    capabilities.resources = Some(resources);
    let mut implementation =
        Implementation::new(format!("mcp-{}", S::NAME), S::VERSION).with_title(S::TITLE);
    implementation.icons = S::ICON.map(|icon| vec![icon.definition()]);
    ServerConfig::new(capabilities)
        .with_server_info(implementation)
        .with_instructions(S::INSTRUCTIONS)
}

/// What the check of the files that take effect while the server runs is called.
pub(crate) const RELOAD_CHECK: &str = "configuration";

/// What the check of the state that replicas share is called.
pub(crate) const SHARED_CHECK: &str = "redis";

/// How long a probe of a dependency may take.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);

impl Check {
    /// Probes one dependency, in at most two seconds; `probe` tells a problem without credentials.
    pub async fn run<E: std::fmt::Display>(
        name: &'static str,
        probe: impl Future<Output = Result<(), E>> + Send,
    ) -> Self {
        let started = std::time::Instant::now();
        let problem = match tokio::time::timeout(PROBE_DEADLINE, probe).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_elapsed) => Some("no answer within 2 s".to_owned()),
        };
        Self { name, problem, warning: None, latency: started.elapsed() }
    }

    /// The same, with what `doctor` should tell of it.
    #[must_use]
    pub fn warn(self, warning: Option<String>) -> Self {
        Self { warning, ..self }
    }
}

impl From<StartError> for crate::cli::Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(_) => Self::config(error.to_string()),
            StartError::Dependency { .. } => Self::dependency(error.to_string()),
        }
    }
}
