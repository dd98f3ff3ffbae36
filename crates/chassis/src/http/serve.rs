//! Binding, accepting, and an orderly end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Http, admin_router, router};
use crate::{Server, signals::Signals};

/// How long connections may take to close once every call is answered.
const LINGER: Duration = Duration::from_secs(1);

/// Binds the port. Called last, so that a bound port can be called.
///
/// # Errors
/// When the address is in use or not ours.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Where requests come in.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// `/mcp` and everything beside it.
    pub(crate) main: TcpListener,
    /// Metrics and the details of health, where they have an address of their own.
    pub(crate) admin: Option<TcpListener>,
}

/// Serves until a signal says stop, then lets calls in flight finish within `drain`.
///
/// # Errors
/// When accepting connections fails for good.
pub(crate) async fn serve<S: Server>(
    http: Http<S>,
    listeners: Listeners,
    drain: Duration,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let http = Arc::new(http);
    let app = Arc::clone(&http.app);
    let stopped = &app.stopped;
    let mut server = tokio::spawn(accept(listeners.main, router(Arc::clone(&http)), stopped));
    if let Some(listener) = listeners.admin {
        tokio::spawn(accept(listener, admin_router(Arc::clone(&http)), stopped));
    }
    tokio::select! {
        ended = &mut server => return Ok(ended??),
        () = signals.stop() => {}
    }
    tracing::info!(drain_ms = drain.as_millis(), "stopping");
    // Probes are still answered while calls finish: `/ready` says 503, `/mcp` takes no new work.
    app.stopping.cancel();
    http.in_flight.close();
    tokio::select! {
        () = http.in_flight.wait() => {}
        () = tokio::time::sleep(drain) => tracing::warn!("calls were cut off at the drain deadline"),
        // A second signal means now.
        () = signals.stop() => {}
    }
    app.stopped.cancel();
    // Idle keep-alive connections may not want to close; the process ends all the same.
    drop(tokio::time::timeout(LINGER, server).await);
    Ok(())
}

/// Accepts connections until the server has stopped.
fn accept(
    listener: TcpListener,
    router: Router,
    stopped: &CancellationToken,
) -> impl Future<Output = std::io::Result<()>> + Send + 'static {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // Without TCP_NODELAY a streamed answer waits for the client's delayed acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let stopped = stopped.clone().cancelled_owned();
    axum::serve(listener, service).with_graceful_shutdown(stopped).into_future()
}
