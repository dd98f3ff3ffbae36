//! A network that fails at random between a server and what it depends on, and how long and by which dice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;
use url::Url;

use crate::environment;

/// How long faults last: `TEST_CHAOS_SECONDS`, a few seconds when not set.
pub fn duration() -> Duration {
    let seconds = environment::variable("TEST_CHAOS_SECONDS");
    let seconds = seconds.map(|it| it.to_str().and_then(|it| it.parse().ok()));
    Duration::from_secs(seconds.map_or(6, |it| it.expect("`TEST_CHAOS_SECONDS` is a number")))
}

/// The seed of the dice: `TEST_CHAOS_SEED`, another one each time when not set. A test prints it.
pub fn seed() -> u64 {
    let given = environment::variable("TEST_CHAOS_SEED");
    let given = given.map(|it| it.to_str().and_then(|it| it.parse().ok()));
    given.map_or_else(
        || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            since.as_secs() ^ u64::from(since.subsec_nanos())
        },
        |it| it.expect("`TEST_CHAOS_SEED` is a number"),
    )
}

/// Numbers that look random and follow from a seed (`SplitMix64`).
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// The dice of that seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below `sides`.
    pub fn roll(&self, sides: u64) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// What becomes of a piece of data on its way.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Reset,
    Delay(Duration),
    Truncate,
    Corrupt,
}

/// Stands before a server; while it is [on](ChaosProxy::set_on) it resets, delays, truncates and corrupts.
#[derive(Debug)]
pub struct ChaosProxy {
    url: Url,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    dice: Dice,
    is_on: AtomicBool,
    faults: AtomicU64,
}

impl ChaosProxy {
    /// A proxy before the server of `url` that does nothing yet.
    pub async fn before(url: &str, seed: u64) -> Self {
        let mut url = Url::parse(url).expect("the address is a URL");
        let target = url.socket_addrs(|| None).expect("the URL names a host and a port")[0];
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        url.set_port(Some(address.port())).expect("the URL may have a port");
        let (is_on, faults) = Default::default();
        let shared = Arc::new(Shared { target, dice: Dice::new(seed), is_on, faults });
        let of_connections = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            // Connections end with the proxy.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(connect(client, Arc::clone(&of_connections)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, shared, accepting: accepting.abort_handle() }
    }

    /// The server's URL by way of the proxy, without the slash that ends a bare one.
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Begins or ends the faults.
    pub fn set_on(&self, is_on: bool) {
        self.shared.is_on.store(is_on, Ordering::Relaxed);
    }

    /// How many faults there have been.
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// One piece in seven meets a fault. What goes to the server is never corrupted: it might be valid and mean something
    /// else, which no protocol without a checksum of its own can tell.
    fn fault(&self, is_answer: bool) -> Option<Fault> {
        if !self.is_on.load(Ordering::Relaxed) {
            return None;
        }
        let fault = match self.dice.roll(100) {
            0..2 => Fault::Reset,
            2..4 => Fault::Truncate,
            4..6 if is_answer => Fault::Corrupt,
            6..13 => Fault::Delay(Duration::from_millis(self.dice.roll(300))),
            13 => Fault::Delay(Duration::from_millis(1_000 + self.dice.roll(1_000))),
            _ => return None,
        };
        self.faults.fetch_add(1, Ordering::Relaxed);
        Some(fault)
    }
}

async fn connect(client: TcpStream, shared: Arc<Shared>) {
    // A server that is away looks like one behind a proxy that hangs up.
    let Ok(server) = TcpStream::connect(shared.target).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, &shared, false) => {}
        () = pump(from_server, to_client, &shared, true) => {}
    }
}

/// Passes on until an end or a fault that ends the connection.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, is_answer: bool) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let mut piece = &mut chunk[..length];
        let fault = shared.fault(is_answer);
        match fault {
            None => {}
            Some(Fault::Reset) => {
                // Without a farewell, and both ends at once.
                from.as_ref().set_zero_linger().ok();
                to.as_ref().set_zero_linger().ok();
                return;
            }
            Some(Fault::Delay(delay)) => sleep(delay).await,
            Some(Fault::Truncate) => piece = &mut piece[..length / 2],
            Some(Fault::Corrupt) => {
                // At the beginning, where every protocol has what it goes by, and in a bit that no text has: a network
                // that changed data unnoticeably would be believed by everybody.
                let at = shared.dice.roll(length.min(8) as u64);
                piece[usize::try_from(at).unwrap_or_default()] ^= 0x40 << shared.dice.roll(2);
            }
        }
        if to.write_all(piece).await.is_err() || matches!(fault, Some(Fault::Truncate)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_rolls_the_same() {
        let rolls = |seed| {
            let dice = Dice::new(seed);
            (0..1_000).map(|_| dice.roll(6)).collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
        assert!((0..6).all(|side| rolls(7).iter().filter(|it| **it == side).count() > 120));
    }
}
