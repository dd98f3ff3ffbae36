//! Binding, accepting, and an orderly end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use super::{Http, router};
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

/// Serves until a signal says stop, then lets calls in flight finish within `drain`.
///
/// # Errors
/// When accepting connections fails for good.
pub(crate) async fn serve<S: Server>(
    http: Http<S>,
    listener: TcpListener,
    drain: Duration,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let http = Arc::new(http);
    let app = Arc::clone(&http.app);
    let service = router(Arc::clone(&http)).into_make_service_with_connect_info::<SocketAddr>();
    // Without TCP_NODELAY a streamed answer waits for the client's delayed acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let stopped = app.stopped.clone();
    let server = axum::serve(listener, service).with_graceful_shutdown(stopped.cancelled_owned());
    let mut server = tokio::spawn(server.into_future());
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
