//! From a configuration to a server that answers.

use std::sync::Arc;

use anyhow::Context;
use mcp_sanitize::{Options, Sanitizer};
use mcp_shared::SharedState;
use mcp_telemetry::{
    logging::{self, LogHandle, LogOptions, Redact},
    metrics::Metrics,
};
use secrecy::ExposeSecret;

use super::Failure;
use crate::{
    Catalog, Server,
    app::{App, catalog},
    config::{Core, Loaded, Sources, Vars, warn_of_foreign_variables},
    export::Export,
    recorder::Recorder,
    reload::{Configuration, InForce, ReloadStatus, watch},
    seal::Sealer,
    signals::{Signals, hangups},
};

/// Serves one client on stdin and stdout.
#[cfg(feature = "stdio")]
pub(super) fn stdio<S: Server>(sources: Sources, loaded: Loaded<S::Config>) -> Result<(), Failure> {
    let Loaded { core, server, basis, metrics, .. } = loaded;
    let sanitizer = sanitizer()?;
    let (log, export) = log::<S>(&core, &sources.vars, Arc::clone(&sanitizer))?;
    let catalog = catalog::<S>(&core, &server).map_err(Failure::problems)?;
    let principal = crate::app::stdio_principal(&core, &catalog);
    block_on(async {
        let (signals, hangups) = (Signals::listen()?, hangups()?);
        export.start(&metrics)?;
        let shared = shared::<S>(&core);
        let app = start::<S>(server, catalog, &core, (sanitizer, metrics), shared).await?;
        let configuration = Configuration::new(sources, basis, app.clone(), log);
        tokio::spawn(watch(configuration, Vec::new(), hangups));
        let bounds =
            crate::stdio::Bounds { max_line: core.http.max_body, drain: core.http.drain_deadline };
        crate::stdio::serve(&app, principal, bounds, signals).await;
        app.now().stop().await;
        export.close(core.http.drain_deadline).await;
        Ok(())
    })
}

/// Serves Streamable HTTP.
#[cfg(feature = "http")]
pub(super) fn http<S: Server>(sources: Sources, loaded: Loaded<S::Config>) -> Result<(), Failure> {
    use crate::http::{Http, Listeners, Patience, Place, bind, serve};

    let Loaded { mut core, server, basis, metrics, .. } = loaded;
    let sanitizer = sanitizer()?;
    let (log, export) = log::<S>(&core, &sources.vars, Arc::clone(&sanitizer))?;
    let catalog = catalog::<S>(&core, &server).map_err(Failure::problems)?;
    // Port 0: this server's URI, and with it the audience of its tokens, must be known before the gate is made.
    let place = Place::at(&mut core.http.listen)?;
    // Before anything is opened: a deployment that would be unsafe does not start.
    let shared = shared::<S>(&core);
    let (gate, files) = gate(&core, &catalog, shared.as_ref())?;
    block_on(async {
        let (signals, hangups) = (Signals::listen()?, hangups()?);
        export.start(&metrics)?;
        let app = start::<S>(server, catalog, &core, (sanitizer, metrics), shared).await?;
        let main = place.open().await?;
        let scheme = if gate.tls.is_some() { "https" } else { "http" };
        let address = core.http.listen;
        tracing::info!(%address, url = %gate.resource, "listening on {scheme}://{address}/mcp");
        let admin = match core.edge.admin_listen {
            Some(address) => Some(admin(address).await?),
            None => None,
        };
        let redirect = match core.tls.redirect_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let gate = InForce::new(gate);
        let configuration = Configuration::new(sources, basis, app.clone(), log);
        tokio::spawn(watch(configuration.with_gate(gate.clone()), files, hangups));
        let http = Http::new(app.clone(), gate, &core.http);
        let patience = Patience { idle: core.http.idle, drain: core.http.drain_deadline };
        serve(http, Listeners { main, admin, redirect }, patience, signals).await?;
        app.now().stop().await;
        export.close(core.http.drain_deadline).await;
        Ok(())
    })
}

/// The operators' own listener.
#[cfg(feature = "http")]
async fn admin(address: std::net::SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    let listener = crate::http::bind(address).await?;
    let address = listener.local_addr().context("cannot tell the bound address")?;
    tracing::info!(%address, "metrics and health are at http://{address}/");
    Ok(listener)
}

/// The guards of the HTTP edge, or why this deployment may not be served.
#[cfg(feature = "http")]
pub(super) fn gate<S: Server>(
    core: &Core,
    catalog: &Catalog<S>,
    shared: Option<&SharedState>,
) -> Result<(crate::http::Gate, Vec<crate::reload::Watched>), Failure> {
    crate::http::Gate::new(core, catalog.scopes(), shared).map_err(Failure::problems)
}

/// Opens what the server needs and joins it with the chassis.
async fn start<S: Server>(
    config: S::Config,
    catalog: Catalog<S>,
    core: &Core,
    (sanitizer, metrics): (Arc<Sanitizer>, Metrics),
    shared: Option<SharedState>,
) -> Result<InForce<App<S>>, Failure> {
    let reloads = ReloadStatus::new(metrics.clone());
    let recorder = Recorder::start(&core.audit, &catalog, Arc::clone(&sanitizer), metrics)
        .map_err(|error| Failure::config(format!("MCP_AUDIT_LOG: {error}")))?;
    if let Some(shared) = &shared {
        let metrics = recorder.metrics().clone();
        metrics.redis_up(true);
        shared.start(move |is_up| metrics.redis_up(is_up)).await;
    }
    let server = S::start(config).await?;
    let sealer = sealer(core, shared.as_ref()).await?;
    let app = App::new(server, catalog, core, (sanitizer, sealer), (recorder, reloads), shared);
    Ok(InForce::new(app))
}

/// Seals what clients keep for us, with a key that every replica has where there are several.
async fn sealer(core: &Core, shared: Option<&SharedState>) -> Result<Sealer, Failure> {
    let mut secrets: Vec<String> =
        core.state_secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect();
    if let Some(shared) = shared.filter(|_| secrets.is_empty()) {
        match shared.agree_on_secret("state-key").await {
            Ok(secret) => secrets.push(secret),
            Err(_down) => tracing::warn!(
                "Redis does not tell the replicas' common key: what one asked, no other can go on with; set MCP_STATE_KEY"
            ),
        }
    }
    let sealer = if secrets.is_empty() { Sealer::random() } else { Sealer::new(&secrets) };
    Ok(sealer.context("the key of what clients keep for us")?)
}

/// What this server shares with its replicas, not connected yet.
pub(super) fn shared<S: Server>(core: &Core) -> Option<SharedState> {
    let url = core.shared.redis.clone()?;
    Some(SharedState::new(url, S::NAME, core.shared.when_down))
}

/// Runs `work` to its end, and nothing else: a thread that a tool blocks does not keep the process, since
/// whoever waited for it has been answered.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

fn sanitizer() -> Result<Arc<Sanitizer>, Failure> {
    Ok(Arc::new(Sanitizer::new(&Options::default()).context("the sanitizer")?))
}

/// Makes stderr the log, and says what else is told of spans and events.
fn log<S: Server>(
    core: &Core,
    vars: &Vars,
    sanitizer: Arc<Sanitizer>,
) -> Result<(LogHandle, Export), Failure> {
    let service = format!("mcp-{}", S::NAME);
    let redact: Redact = Arc::new(move |text| sanitizer.redact(text));
    let export = Export::new(core.otlp.clone(), (&service, S::VERSION), &redact);
    let options = LogOptions {
        filter: core.log.filter.clone(),
        format: core.log.format,
        service: service.into(),
        version: S::VERSION.into(),
        redact: Some(redact),
        export: export.layer(),
    };
    let log = logging::init(options);
    let log = log.map_err(|error| Failure::config(format!("RUST_LOG: {error}")))?;
    warn_of_foreign_variables(vars);
    Ok((log, export))
}
