//! `healthcheck`: a container's health check where there is no shell and no curl.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use super::Failure;
use crate::{config::Core, http::OwnCertificate};

const PATIENCE: Duration = Duration::from_secs(3);

/// Asks for `/ready` and looks at the status line only: a whole HTTP client would be the larger part of a
/// binary that ships without one. Without a URL the server of this configuration is asked, by TLS where it speaks it.
pub(super) fn run(url: Option<&str>, core: Option<&Core>) -> Result<(), Failure> {
    let (address, path) = match url {
        Some(url) => split(url)?,
        None => (reachable(core.map(|core| core.http.listen)), "/ready".to_owned()),
    };
    let identity = core.filter(|_| url.is_none()).and_then(|core| core.tls.identity.as_ref());
    let own = identity.map(|identity| OwnCertificate::read(&identity.certificates)).transpose();
    let own = own.map_err(|problem| Failure::config(format!("MCP_TLS_CERT: {problem}")))?;
    let asked = || -> std::io::Result<String> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        match own {
            Some(own) => status(own.connect(address.ip(), stream)?, &path),
            None => status(stream, &path),
        }
    };
    match asked() {
        Ok(status) if status.ends_with(" 200") => Ok(()),
        Ok(status) => Err(Failure::check(format!("not ready: {status}"))),
        Err(error) => Err(Failure::check(format!("no answer from {address}: {error}"))),
    }
}

fn status(mut stream: impl Read + Write, path: &str) -> std::io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(String::from_utf8_lossy(&status).into_owned())
}

/// `http://host:port/path` as an address and a path.
fn split(url: &str) -> Result<(SocketAddr, String), Failure> {
    let wrong = || Failure::config("--url must be like `http://127.0.0.1:8080/ready`");
    let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, "ready"));
    let named = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let address = named.to_socket_addrs().ok().and_then(|mut found| found.next());
    Ok((address.ok_or_else(wrong)?, format!("/{path}")))
}

/// A server that listens everywhere is reached on loopback.
fn reachable(listen: Option<SocketAddr>) -> SocketAddr {
    let mut address = listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
