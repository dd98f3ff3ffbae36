//! A connection that has been let in: messages out, messages in, none larger than is wanted.

use std::{fmt, io};

use bytes::{Buf as _, BytesMut};
use postgres_protocol::message::backend::{
    DATA_ROW_TAG, ERROR_RESPONSE_TAG, Header, Message, NOTICE_RESPONSE_TAG,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::WireError;

/// How much is read at once.
const READ: usize = 32 * 1_024;

/// A byte stream, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// One backend of PostgreSQL.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// What is still to come of a message that nobody wants.
    unwanted: usize,
    pub(super) key: CancelKey,
    /// The first part of `server_version`: 15 for `15.18`.
    pub(crate) version: u32,
}

/// By what PostgreSQL knows a connection whose statement is to be cancelled.
#[derive(Clone, Copy, Default)]
pub(crate) struct CancelKey {
    pub(super) process: i32,
    pub(super) secret: i32,
}

/// What came.
pub(crate) enum Received {
    Message(Message),
    /// A message that was larger than wanted: it is passed over, not read into memory.
    Oversized {
        is_row: bool,
    },
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        let (incoming, outgoing) = (BytesMut::new(), BytesMut::new());
        let key = CancelKey::default();
        Self { stream, incoming, outgoing, unwanted: 0, key, version: 0 }
    }

    pub(crate) fn key(&self) -> CancelKey {
        self.key
    }

    /// Where messages are written for [`Connection::send`].
    pub(crate) fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.outgoing
    }

    /// Sends what was written.
    pub(crate) async fn send(&mut self) -> io::Result<()> {
        self.stream.write_all_buf(&mut self.outgoing).await?;
        self.stream.flush().await
    }

    /// The next message, unless it is larger than `limit` bytes.
    pub(crate) async fn receive(&mut self, limit: usize) -> Result<Received, WireError> {
        loop {
            let passed = self.unwanted.min(self.incoming.len());
            self.incoming.advance(passed);
            self.unwanted -= passed;
            if self.unwanted == 0
                && let Some(header) = Header::parse(&self.incoming)?
            {
                let length = usize::try_from(header.len()).unwrap_or(usize::MAX);
                if length > limit {
                    let may_be_long = [DATA_ROW_TAG, ERROR_RESPONSE_TAG, NOTICE_RESPONSE_TAG];
                    if !may_be_long.contains(&header.tag()) {
                        return Err(WireError::Protocol("says that a short message is long"));
                    }
                    // The length counts itself, but not the byte before it.
                    self.unwanted = length.saturating_add(1);
                    return Ok(Received::Oversized { is_row: header.tag() == DATA_ROW_TAG });
                }
                if let Some(message) = Message::parse(&mut self.incoming)? {
                    return Ok(Received::Message(message));
                }
            }
            self.incoming.reserve(READ);
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::{Connection, Message, Received, WireError};

    #[tokio::test]
    async fn a_message_larger_than_wanted_is_passed_over_without_being_kept() {
        let (near, mut far) = tokio::io::duplex(1_024);
        let sender = tokio::spawn(async move {
            let size: u32 = 100_000_000;
            far.write_all(b"D").await.unwrap();
            far.write_all(&(size + 4).to_be_bytes()).await.unwrap();
            for _ in 0..size / 100_000 {
                far.write_all(&vec![b'x'; 100_000]).await.unwrap();
            }
            far.write_all(b"Z\0\0\0\x05I").await.unwrap();
        });
        let mut connection = Connection::new(Box::new(near));
        assert!(matches!(
            connection.receive(1_000).await.unwrap(),
            Received::Oversized { is_row: true }
        ));
        let next = connection.receive(1_000).await.unwrap();
        assert!(matches!(next, Received::Message(Message::ReadyForQuery(_))));
        assert!(connection.incoming.capacity() < 1_000_000);
        sender.await.unwrap();
        assert!(connection.receive(1_000).await.is_err());
    }

    #[tokio::test]
    async fn a_message_that_cannot_be_so_long_ends_the_connection() {
        let (near, mut far) = tokio::io::duplex(1_024);
        far.write_all(b"Z\x40\0\0\x05I").await.unwrap();
        let refused = Connection::new(Box::new(near)).receive(1_000).await;
        assert!(matches!(refused, Err(WireError::Protocol(_))));
    }

    #[tokio::test]
    async fn a_length_that_cannot_be_is_an_error() {
        for bytes in [b"D\0\0\0\0", b"D\xff\xff\xff\xff"] {
            let (near, mut far) = tokio::io::duplex(1_024);
            far.write_all(bytes).await.unwrap();
            assert!(Connection::new(Box::new(near)).receive(1_000).await.is_err());
        }
    }
}
