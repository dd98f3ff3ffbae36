//! Binding, accepting, and an orderly end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::{http1, http2};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use mcp_auth::PeerCertificate;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::Layer;

use super::{
    Http, admin_router, redirect_router, router,
    tls::{H2, Tls},
};
use crate::{Server, signals::Signals};

/// How long connections may take to close once every call is answered.
const LINGER: Duration = Duration::from_secs(1);
/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 16_384;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// The longest handshake of TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The most that the headers of one request take, in bytes; twice as much where they come at once.
const MAX_HEADERS: usize = 64 << 10;
/// The most headers of one request.
const MAX_HEADER_COUNT: usize = 100;
/// The bytes of headers for HTTP/2.
const MAX_HEADER_LIST: u32 = 64 << 10;
/// Requests at once on one connection of HTTP/2.
const MAX_STREAMS: u32 = 128;
/// How often the other end of a quiet HTTP/2 connection is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The pause after the system has refused a connection, as when files run out.
const REFUSED: Duration = Duration::from_millis(100);

/// Binds the port. Called last, so that a bound port can be called.
///
/// # Errors
/// When the address is in use or not ours.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// An address of our own, before anybody can call there.
#[derive(Debug)]
pub(crate) enum Place {
    /// A port that was chosen.
    Named(SocketAddr),
    /// Port 0, and what was picked for it: connections are refused until it is opened.
    Picked(TcpSocket),
}

impl Place {
    /// The place at `address`, which afterwards names the port that was picked.
    ///
    /// # Errors
    /// When no port can be had.
    pub(crate) fn at(address: &mut SocketAddr) -> anyhow::Result<Self> {
        if address.port() != 0 {
            return Ok(Self::Named(*address));
        }
        let pick = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // As `bind` does: a server that is started again may take the port while old connections fade.
            socket.set_reuseaddr(true)?;
            socket.bind(*address)?;
            // Whoever comes after us may have the port while our last connections fade. Not before it is picked:
            // somebody else could be given the same one.
            socket.set_reuseaddr(true)?;
            io::Result::Ok((socket.local_addr()?, socket))
        };
        let (picked, socket) = pick().with_context(|| format!("cannot listen on {address}"))?;
        *address = picked;
        Ok(Self::Picked(socket))
    }

    /// Lets calls in.
    ///
    /// # Errors
    /// When the address is in use or not ours.
    pub(crate) async fn open(self) -> anyhow::Result<TcpListener> {
        match self {
            Self::Named(address) => bind(address).await,
            Self::Picked(socket) => socket.listen(BACKLOG).context("cannot listen"),
        }
    }
}

/// Where requests come in.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// `/mcp` and everything beside it.
    pub(crate) main: TcpListener,
    /// Metrics and the details of health, where they have an address of their own.
    pub(crate) admin: Option<TcpListener>,
    /// Plain HTTP that sends everybody to TLS.
    pub(crate) redirect: Option<TcpListener>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// The client certificate that TLS has verified.
    pub(super) certificate: Option<Arc<PeerCertificate>>,
}

/// How long a server waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the headers of a connection's next request, idle time included.
    pub(crate) idle: Duration,
    /// For calls in flight, once it is to stop.
    pub(crate) drain: Duration,
}

/// What answers the connections of one listener.
#[derive(Clone, Debug)]
struct Front {
    router: Router,
    tls: Option<Tls>,
    idle: Duration,
}

/// Serves until a signal says stop, then lets calls in flight finish.
///
/// # Errors
/// When accepting connections fails for good.
pub(crate) async fn serve<S: Server>(
    http: Http<S>,
    listeners: Listeners,
    Patience { idle, drain }: Patience,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let http = Arc::new(http);
    let (stopping, stopped) = http.app.now().ends();
    let tls = http.gate.now().tls.clone();
    raise_file_limit();
    let front = |router| Front { router, tls: None, idle };
    let main = Front { tls, ..front(router(Arc::clone(&http))) };
    let mut server = tokio::spawn(accept(listeners.main, main, stopped.clone()));
    if let Some(listener) = listeners.admin {
        let admin = front(admin_router(Arc::clone(&http)));
        tokio::spawn(accept(listener, admin, stopped.clone()));
    }
    if let Some(listener) = listeners.redirect {
        let redirect = front(redirect_router(&http.gate.now().resource));
        tokio::spawn(accept(listener, redirect, stopped.clone()));
    }
    tokio::select! {
        ended = &mut server => return Ok(ended?),
        () = signals.stop() => {}
    }
    tracing::info!(drain_ms = drain.as_millis(), "stopping");
    // Probes are still answered while calls finish: `/ready` says 503, `/mcp` takes no new work.
    stopping.cancel();
    http.in_flight.close();
    tokio::select! {
        () = http.in_flight.wait() => {}
        () = sleep(drain) => tracing::warn!("calls were cut off at the drain deadline"),
        // A second signal means now.
        () = signals.stop() => {}
    }
    stopped.cancel();
    // Idle keep-alive connections may not want to close; the process ends all the same.
    drop(timeout(LINGER, server).await);
    Ok(())
}

/// Lets the process have as many files open as it may: the usual soft limit of 1,024 is for programs that use `select`,
/// and every connection is a file.
fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, limit = current, "the limit of open files stays as it is");
    }
}

/// Accepts connections until the server has stopped, and then waits for those that are open.
async fn accept(listener: TcpListener, front: Front, stopped: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let open = GracefulShutdown::new();
    loop {
        let next = async {
            // Never closed, so there is always a place to wait for.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stopped.cancelled() => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, address)) => {
                let (front, watcher) = (front.clone(), open.watcher());
                tokio::spawn(async move {
                    match front.tls.clone() {
                        Some(tls) => in_tls(stream, address, &tls, front, watcher).await,
                        None => in_clear(stream, address, front, watcher).await,
                    }
                    drop(place);
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted now");
                sleep(REFUSED).await;
            }
        }
    }
    open.shutdown().await;
}

/// Whether only the connection that was being accepted is gone.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn in_clear(stream: TcpStream, address: SocketAddr, front: Front, watcher: Watcher) {
    // Without TCP_NODELAY a streamed answer waits for the client's delayed acknowledgement.
    drop(stream.set_nodelay(true));
    converse(stream, Peer { address, certificate: None }, Version::Http1, front, watcher).await;
}

async fn in_tls(stream: TcpStream, address: SocketAddr, tls: &Tls, front: Front, watcher: Watcher) {
    drop(stream.set_nodelay(true));
    let stream = match timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%address, %error, "no TLS"),
        Err(_elapsed) => return tracing::debug!(%address, "no TLS within the time for it"),
    };
    let (_, session) = stream.get_ref();
    let version = if session.alpn_protocol() == Some(H2) { Version::Http2 } else { Version::Http1 };
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.and_then(|der| PeerCertificate::parse(der)).map(Arc::new);
    converse(stream, Peer { address, certificate }, version, front, watcher).await;
}

/// What was agreed on in the handshake. Without one it is HTTP/1.1: what speaks first could otherwise wait for ever.
#[derive(Clone, Copy, Debug)]
enum Version {
    Http1,
    Http2,
}

/// Serves the requests of one connection.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    version: Version,
    front: Front,
    watcher: Watcher,
) {
    let address = peer.address;
    let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(front.router));
    let stream = TokioIo::new(stream);
    let served = match version {
        Version::Http1 => {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(front.idle);
            builder.max_buf_size(MAX_HEADERS).max_headers(MAX_HEADER_COUNT);
            watcher.watch(builder.serve_connection(stream, service)).await
        }
        Version::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE);
            builder.max_header_list_size(MAX_HEADER_LIST).max_concurrent_streams(MAX_STREAMS);
            watcher.watch(builder.serve_connection(stream, service)).await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%address, %error, "the connection broke");
    }
}
