//! A client of HTTP/1.1 that costs next to nothing: it must not be what is measured.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One connection that is kept alive; one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16 << 10) })
    }

    /// Sends a request and reads the whole response: its head, and its body as it was framed.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<(&str, &[u8])> {
        self.received.clear();
        self.stream.write_all(request).await?;
        let end = loop {
            self.receive().await?;
            if let Some(end) = self.received.windows(4).position(|it| it == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let framing = Framing::of(head(&self.received, end)?)?;
        while !framing.is_whole(self.received.get(end..).unwrap_or_default()) {
            self.receive().await?;
        }
        let body = self.received.get(end..).unwrap_or_default();
        Ok((head(&self.received, end)?, body))
    }

    async fn receive(&mut self) -> Result<()> {
        let count = self.stream.read_buf(&mut self.received).await?;
        ensure!(
            count > 0,
            "the connection was closed: {}",
            String::from_utf8_lossy(&self.received)
        );
        Ok(())
    }
}

fn head(received: &[u8], end: usize) -> Result<&str> {
    Ok(str::from_utf8(received.get(..end).unwrap_or_default())?)
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunks,
}

impl Framing {
    fn of(head: &str) -> Result<Self> {
        if let Some(length) = header(head, "content-length") {
            return Ok(Self::Length(length.parse()?));
        }
        let encoding = header(head, "transfer-encoding");
        encoding.filter(|it| *it == "chunked").map(|_| Self::Chunks).context("an endless response")
    }

    fn is_whole(self, body: &[u8]) -> bool {
        match self {
            Self::Length(length) => body.len() >= length,
            Self::Chunks => body.ends_with(b"\r\n0\r\n\r\n"),
        }
    }
}

/// The value of a header.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::{Framing, header};

    #[test]
    fn the_end_of_a_body_is_known_either_way() {
        let length = Framing::of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").unwrap();
        assert!(!length.is_whole(b"{") && length.is_whole(b"{}"));
        let chunks = Framing::of("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        assert!(!chunks.is_whole(b"2\r\n{}\r\n") && chunks.is_whole(b"2\r\n{}\r\n0\r\n\r\n"));
        assert!(Framing::of("HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_header_is_found_in_any_case() {
        assert_eq!(header("A: 1\r\nMcp-Session-Id: x\r\n\r\n", "mcp-session-id"), Some("x"));
    }
}
