//! From a configuration to a server that answers.

use std::sync::Arc;

use anyhow::Context;
use mcp_sanitize::{Options, Sanitizer};
use mcp_shared::SharedState;
use mcp_telemetry::{
    logging::{self, LogOptions},
    metrics::Metrics,
};

use super::Failure;
use crate::{
    Catalog, Server,
    app::{App, catalog},
    config::{Core, Loaded, LogConfig, Vars, warn_of_foreign_variables},
    recorder::Recorder,
    signals::Signals,
};

/// Serves one client on stdin and stdout.
#[cfg(feature = "stdio")]
pub(super) fn stdio<S: Server>(vars: &Vars, loaded: Loaded<S::Config>) -> Result<(), Failure> {
    let Loaded { core, server, metrics, .. } = loaded;
    let sanitizer = sanitizer()?;
    log::<S>(&core.log, vars, Arc::clone(&sanitizer))?;
    let catalog = catalog::<S>(&core, &server).map_err(Failure::problems)?;
    let principal = crate::app::stdio_principal(&core, &catalog);
    block_on(async {
        let signals = Signals::listen()?;
        let shared = shared::<S>(&core);
        let app = start::<S>(server, catalog, &core, (sanitizer, metrics), shared).await?;
        let bounds =
            crate::stdio::Bounds { max_line: core.http.max_body, drain: core.http.drain_deadline };
        crate::stdio::serve(Arc::clone(&app), principal, bounds, signals).await;
        app.stop().await;
        Ok(())
    })
}

/// Serves Streamable HTTP.
#[cfg(feature = "http")]
pub(super) fn http<S: Server>(vars: &Vars, loaded: Loaded<S::Config>) -> Result<(), Failure> {
    use crate::http::{Gate, Http, Listeners, bind, serve, watch};

    let Loaded { mut core, server, metrics, .. } = loaded;
    let sanitizer = sanitizer()?;
    log::<S>(&core.log, vars, Arc::clone(&sanitizer))?;
    let catalog = catalog::<S>(&core, &server).map_err(Failure::problems)?;
    // Before anything is opened: a deployment that would be unsafe does not start.
    let shared = shared::<S>(&core);
    let mut gate = gate(&core, &catalog, shared.as_ref())?;
    let scopes = catalog.scopes();
    block_on(async {
        let signals = Signals::listen()?;
        let started = start::<S>(server, catalog, &core, (sanitizer, metrics), shared.clone());
        let app = started.await?;
        let main = bind(core.http.listen).await?;
        let address = main.local_addr().context("cannot tell the bound address")?;
        if address != core.http.listen {
            // Port 0: this server's URI, and with it the audience of its tokens, is known only now.
            core.http.listen = address;
            gate = Gate::new(&core, scopes, shared.as_ref()).map_err(Failure::problems)?;
        }
        let scheme = if gate.tls.is_some() { "https" } else { "http" };
        tracing::info!(%address, url = %gate.resource, "listening on {scheme}://{address}/mcp");
        let admin = match core.edge.admin_listen {
            Some(address) => Some(admin(address).await?),
            None => None,
        };
        let redirect = match core.tls.redirect_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        tokio::spawn(watch(gate.take_files()));
        let http = Http::new(Arc::clone(&app), gate, &core.http);
        serve(http, Listeners { main, admin, redirect }, core.http.drain_deadline, signals).await?;
        app.stop().await;
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
) -> Result<crate::http::Gate, Failure> {
    crate::http::Gate::new(core, catalog.scopes(), shared).map_err(Failure::problems)
}

/// Opens what the server needs and joins it with the chassis.
async fn start<S: Server>(
    config: S::Config,
    catalog: Catalog<S>,
    core: &Core,
    (sanitizer, metrics): (Arc<Sanitizer>, Metrics),
    shared: Option<SharedState>,
) -> Result<Arc<App<S>>, Failure> {
    let recorder = Recorder::start(&core.audit, &catalog, Arc::clone(&sanitizer), metrics)
        .map_err(|error| Failure::config(format!("MCP_AUDIT_LOG: {error}")))?;
    if let Some(shared) = &shared {
        let metrics = recorder.metrics().clone();
        metrics.redis_up(true);
        shared.start(move |is_up| metrics.redis_up(is_up)).await;
    }
    let server = S::start(config).await?;
    Ok(App::new(server, catalog, core, sanitizer, recorder, shared))
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

fn log<S: Server>(
    config: &LogConfig,
    vars: &Vars,
    sanitizer: Arc<Sanitizer>,
) -> Result<(), Failure> {
    let options = LogOptions {
        filter: config.filter.clone(),
        format: config.format,
        service: format!("mcp-{}", S::NAME).into(),
        version: S::VERSION.into(),
        redact: Some(Arc::new(move |text| sanitizer.redact(text))),
    };
    logging::init(options).map_err(|error| Failure::config(format!("RUST_LOG: {error}")))?;
    warn_of_foreign_variables(vars);
    Ok(())
}
