//! A TCP proxy that can be slow, to see what a slow dependency does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

/// Stands before a server and holds its answers up.
#[derive(Debug)]
pub struct Proxy {
    url: Url,
    delay: Arc<AtomicU64>,
    accepting: AbortHandle,
}

impl Proxy {
    /// A proxy before the server of `url`, not slow yet.
    pub async fn before(url: &str) -> Self {
        let mut url = Url::parse(url).expect("the address is a URL");
        let target = url.socket_addrs(|| None).expect("the URL names a host and a port")[0];
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        url.set_port(Some(address.port())).expect("the URL may have a port");
        let delay = Arc::new(AtomicU64::new(0));
        let held_up = Arc::clone(&delay);
        let accepting = tokio::spawn(async move {
            // Connections end with the proxy.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(connect(client, target, Arc::clone(&held_up)));
            }
        });
        Self { url, delay, accepting: accepting.abort_handle() }
    }

    /// The server's URL by way of the proxy.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Holds every answer up for so long from here on.
    pub fn set_delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).expect("tests are short");
        self.delay.store(millis, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connect(client: TcpStream, target: SocketAddr, delay: Arc<AtomicU64>) {
    // A server that is away looks like one behind a proxy that hangs up.
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let no_delay = AtomicU64::new(0);
    tokio::select! {
        () = pump(from_client, to_server, &no_delay) => {}
        () = pump(from_server, to_client, &delay) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: &AtomicU64) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        tokio::time::sleep(Duration::from_millis(delay.load(Ordering::Relaxed))).await;
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}
