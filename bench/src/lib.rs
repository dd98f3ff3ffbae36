#![doc = include_str!("../README.md")]

use std::{env, io, net::SocketAddr};

/// A thousand rows of five columns, whose making costs the database little.
pub const ROWS: &str = "SELECT id, 'the name of item ' || id AS name, id * 1.5::float8 AS price, id % 2 = 0 AS is_sold, \
     id * 1000::bigint AS stock FROM generate_series(1, 1000) AS id";

/// How a bare subject is asked to speak; the same words as our servers' command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `stdio`.
    Stdio,
    /// `http`, and `--streams` where answers come as events.
    Http {
        /// Whether answers come as events.
        streams: bool,
    },
}

/// The transport that the command line names.
///
/// # Errors
/// When it names none.
pub fn transport() -> io::Result<Transport> {
    let named = |word: &str| env::args().any(|argument| argument == word);
    match (named("stdio"), named("http")) {
        (true, _) => Ok(Transport::Stdio),
        (_, true) => Ok(Transport::Http { streams: named("--streams") }),
        _ => Err(io::Error::other("expected `stdio` or `http --listen ADDR:PORT`")),
    }
}

/// The address after `--listen`.
///
/// # Errors
/// When there is none.
pub fn listen_address() -> io::Result<SocketAddr> {
    let mut arguments = env::args().skip_while(|argument| argument != "--listen");
    let address = arguments.nth(1).and_then(|address| address.parse().ok());
    address.ok_or_else(|| io::Error::other("expected `--listen ADDR:PORT`"))
}
