//! Where a request really came from, when proxies stand in front (RFC 7239).

use std::{
    net::{IpAddr, SocketAddr},
    str,
    sync::Arc,
};

use axum::http::{HeaderMap, header::AsHeaderName};
use mcp_auth::PeerCertificate;
use mcp_telemetry::trace::RequestId;

use super::serve::Peer;
use crate::config::Networks;

/// How many hops are read, from the right end.
const MAX_HOPS: usize = 16;
/// The longest hop that is read, in bytes.
const MAX_HOP_BYTES: usize = 256;

/// Headers by which a proxy says for whom it asks.
const HEADERS: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// The sender of a request, as far as it is believed.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) address: IpAddr,
    pub(super) via: Via,
    /// The proxy says that the client spoke to it without TLS.
    pub(super) in_clear: bool,
    /// The id that the proxy gave the request.
    pub(super) request_id: Option<RequestId>,
    /// What the other end of the connection proved who it is with.
    pub(super) certificate: Option<Arc<PeerCertificate>>,
}

/// How a request came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// Straight from its sender.
    Direct,
    /// Through proxies that are believed.
    Trusted,
    /// Through somebody who is not believed: the address is theirs.
    Unknown,
    /// Through a proxy that is believed and cannot be understood: the address is the proxy's.
    Garbled,
}

/// One hop: for whom it asked, and by which scheme it was asked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hop {
    client: Option<IpAddr>,
    scheme: Option<String>,
}

impl Sender {
    /// The sender of a request that `peer` brought.
    pub(super) fn of(peer: &Peer, headers: &HeaderMap, trusted: &Networks) -> Self {
        let certificate = &peer.certificate;
        let peer = peer.address.ip().to_canonical();
        let silent = !HEADERS.iter().any(|name| headers.contains_key(*name));
        let direct = |via| {
            let certificate = certificate.clone();
            Self { address: peer, via, in_clear: false, request_id: None, certificate }
        };
        if !trusted.contain(peer) {
            return direct(if silent { Via::Direct } else { Via::Unknown });
        }
        let request_id = only(headers, "x-request-id").and_then(RequestId::from_trusted);
        let in_clear = only(headers, "x-forwarded-proto").is_some_and(|it| it.trim() == "http");
        if silent {
            return Self { in_clear, request_id, ..direct(Via::Direct) };
        }
        match client(headers, trusted) {
            Some((address, scheme)) => {
                let in_clear = scheme.map_or(in_clear, |scheme| scheme == "http");
                Self { address, in_clear, request_id, ..direct(Via::Trusted) }
            }
            None => Self { in_clear, request_id, ..direct(Via::Garbled) },
        }
    }
}

/// The client by both kinds of header, and the scheme that it used.
///
/// `None` when they cannot be understood, or when both are there and disagree: the proxy writes one of them and
/// passes the other on as it came.
fn client(headers: &HeaderMap, trusted: &Networks) -> Option<Known> {
    let standard = walk(items(headers, "forwarded"), trusted, forwarded_hop);
    let customary = walk(items(headers, "x-forwarded-for"), trusted, |item| {
        Some(Hop { client: address(item), scheme: None })
    });
    match (standard, customary) {
        (known, Walk::Absent) | (Walk::Absent, known) => known.known(),
        (Walk::Known(one), Walk::Known(other)) => (one.0 == other.0).then_some(one),
        _ => None,
    }
}

/// An address, and the scheme by which it asked.
type Known = (IpAddr, Option<String>);

/// What a kind of header tells.
enum Walk {
    /// There is none.
    Absent,
    Known(Known),
    Unreadable,
}

impl Walk {
    fn known(self) -> Option<Known> {
        match self {
            Self::Known(known) => Some(known),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Goes left to the right-most address that is no proxy of ours: what stands further left, anybody may have
/// written, so it is not looked at.
fn walk<'a>(
    items: impl Iterator<Item = &'a [u8]>,
    trusted: &Networks,
    read: impl Fn(&str) -> Option<Hop>,
) -> Walk {
    let mut last = None;
    for item in items.take(MAX_HOPS) {
        let text = str::from_utf8(item).ok().filter(|text| text.len() <= MAX_HOP_BYTES);
        let Some(hop) = text.and_then(|text| read(text.trim())) else { return Walk::Unreadable };
        // A proxy may also hide its client.
        let Some(address) = hop.client else { return Walk::Unreadable };
        last = Some((address, hop.scheme));
        if !trusted.contain(address) {
            break;
        }
    }
    last.map_or(Walk::Absent, Walk::Known)
}

/// What stands between commas, from the right, the last header line first.
fn items<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).into_iter().rev();
    lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
}

/// `for=192.0.2.60;proto=http;by=203.0.113.43` (RFC 7239 §4). Quoted commas would be split, which makes the hop
/// unreadable and not wrong.
fn forwarded_hop(item: &str) -> Option<Hop> {
    let mut hop = Hop::default();
    for pair in item.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let quoted = value.strip_prefix('"').map(|rest| rest.strip_suffix('"'));
        let value = quoted.unwrap_or(Some(value))?;
        if value.contains(['"', '\\']) {
            return None;
        }
        match name.to_ascii_lowercase().as_str() {
            "for" if hop.client.is_none() => hop.client = address(value),
            "proto" if hop.scheme.is_none() => hop.scheme = Some(value.to_ascii_lowercase()),
            // A name that stands twice could be read in two ways.
            "for" | "proto" => return None,
            _ => {}
        }
    }
    Some(hop)
}

/// An address with or without a port; `unknown` and hidden names (`_gateway`) are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    bare.parse::<IpAddr>().or_else(|_| with_port()).ok().map(|it| it.to_canonical())
}

/// The value of a header that stands exactly once.
pub(super) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use proptest::{prelude::*, sample::select};

    use super::{Sender, Via};
    use crate::http::serve::Peer;

    const PROXY: &str = "10.0.0.1";

    fn sender(peer: &str, headers: &[(&'static str, &str)]) -> Sender {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Sender::of(&peer_at(peer), &map, &"10.0.0.0/8".parse().unwrap())
    }

    fn peer_at(address: &str) -> Peer {
        Peer {
            address: (address.parse::<std::net::IpAddr>().unwrap(), 4711).into(),
            certificate: None,
        }
    }

    fn told(peer: &str, headers: &[(&'static str, &str)]) -> (String, Via) {
        let sender = sender(peer, headers);
        (sender.address.to_string(), sender.via)
    }

    fn is(address: &str, via: Via) -> (String, Via) {
        (address.to_owned(), via)
    }

    proptest! {
        #[test]
        fn any_header_of_a_proxy_is_believed_or_not(
            name in select(vec!["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-request-id"]),
            value in "((for|proto|by)=|\"|\\[|\\]|[0-9a-f.:]|[,; ]|\\\\|_hidden|unknown){0,30}|[ -~]{0,200}",
        ) {
            let sender = sender(PROXY, &[(name, &value)]);
            // Whoever is not believed counts as the proxy, and what is logged of a request stays short.
            prop_assert!(sender.via == Via::Trusted || sender.address.to_string() == PROXY);
            prop_assert!(sender.request_id.is_none_or(|id| id.as_str().len() <= 128));
            prop_assert_eq!(told("192.0.2.1", &[(name, &value)]).0, "192.0.2.1");
        }
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        for header in ["forwarded", "x-forwarded-for", "x-real-ip"] {
            let value = if header == "forwarded" { "for=127.0.0.1" } else { "127.0.0.1" };
            let found = told("192.0.2.1", &[(header, value), ("x-request-id", "mine")]);
            assert_eq!(found, is("192.0.2.1", Via::Unknown));
        }
        assert_eq!(told("192.0.2.1", &[]), is("192.0.2.1", Via::Direct));
        assert_eq!(sender("192.0.2.1", &[("x-request-id", "mine")]).request_id, None);
        assert_eq!(sender(PROXY, &[("x-request-id", "mine")]).request_id.unwrap().as_str(), "mine");
    }

    #[test]
    fn the_client_is_the_right_most_that_is_no_proxy_of_ours() {
        for headers in [
            &[("x-forwarded-for", "127.0.0.1, 198.51.100.7, 10.9.9.9")][..],
            &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "198.51.100.7:4711")],
            &[("forwarded", "for=127.0.0.1, for=198.51.100.7;proto=https, For=\"10.9.9.9:80\"")],
            &[("forwarded", "nonsense, for=198.51.100.7"), ("forwarded", "for=10.2.2.2")],
            &[("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.7;by=_edge")],
            &[("x-forwarded-for", "::ffff:198.51.100.7")],
        ] {
            assert_eq!(told(PROXY, headers), is("198.51.100.7", Via::Trusted), "{headers:?}");
        }
        let found = told(PROXY, &[("forwarded", "for=\"[2001:db8::1]:4711\"")]);
        assert_eq!(found, is("2001:db8::1", Via::Trusted));
    }

    #[test]
    fn headers_that_disagree_are_not_believed() {
        let both = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(told(PROXY, &both), is(PROXY, Via::Garbled));
    }

    #[test]
    fn a_hidden_client_counts_as_the_proxy_and_as_nobody_known() {
        for header in ["for=unknown", "for=10.0.0.3, for=_hidden, for=10.0.0.2", "by=10.0.0.1"] {
            assert_eq!(told(PROXY, &[("forwarded", header)]), is(PROXY, Via::Garbled), "{header}");
        }
    }

    #[test]
    fn hostile_headers_are_bounded_and_not_believed() {
        let long = format!("for=198.51.100.7;host={}", "a".repeat(10_000));
        for header in
            ["for", "for=\"198.51.100.7", "for=1.2.3.4;for=5.6.7.8", "for=\"a\\\"b\"", &long, ""]
        {
            let found = told(PROXY, &[("forwarded", header)]);
            assert_eq!(found, is(PROXY, Via::Garbled), "{header:.40}");
        }
        // What the client wrote to the left of its own address changes nothing.
        let mut headers = HeaderMap::new();
        let junk = [&b"\xff\xfe, for=\"x, "[..], &b"a".repeat(10_000), b", 198.51.100.7"].concat();
        headers.insert("x-forwarded-for", HeaderValue::from_bytes(&junk).unwrap());
        let trusted = "10.0.0.0/8".parse().unwrap();
        let found = Sender::of(&peer_at(PROXY), &headers, &trusted);
        assert_eq!(found.address.to_string(), "198.51.100.7");
        let many = format!("198.51.100.7, {}", ["10.0.0.3"; 100].join(","));
        assert_eq!(told(PROXY, &[("x-forwarded-for", &many)]), is("10.0.0.3", Via::Trusted));
    }

    #[test]
    fn the_scheme_is_the_one_that_the_client_used() {
        for (headers, in_clear) in [
            (&[("forwarded", "for=198.51.100.7;proto=http")][..], true),
            (&[("forwarded", "for=198.51.100.7;proto=https, for=10.0.0.2;proto=http")], false),
            (&[("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "http")], true),
            (&[("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https")], false),
            (&[("x-forwarded-for", "198.51.100.7")], false),
        ] {
            assert_eq!(sender(PROXY, headers).in_clear, in_clear, "{headers:?}");
        }
        assert!(!sender("192.0.2.1", &[("x-forwarded-proto", "http")]).in_clear);
    }
}
