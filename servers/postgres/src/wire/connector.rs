//! Opens connections, and cancels what runs on them.

use postgres_protocol::message::frontend;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    Address, AddressError, Connection, WireError,
    address::Host,
    connection::{CancelKey, Stream},
    startup,
    tls::Mode,
};

/// An address with what its connections need.
#[derive(Clone)]
pub(crate) struct Connector {
    address: Address,
    tls: Option<TlsConnector>,
}

impl Connector {
    /// Reads the files that the address names.
    pub(crate) fn new(address: Address) -> Result<Self, AddressError> {
        let tls = address.tls.connector()?;
        Ok(Self { address, tls })
    }

    /// Opens a connection whose settings begin as `settings` says.
    pub(crate) async fn connect(&self, settings: &[Setting]) -> Result<Connection, WireError> {
        startup::start(self.stream().await?, &self.address, settings).await
    }

    /// Cancels what runs on a connection, and returns when PostgreSQL has been told.
    pub(crate) async fn cancel(&self, key: CancelKey) -> Result<(), WireError> {
        let mut stream = self.stream().await?;
        let mut request = bytes::BytesMut::new();
        frontend::cancel_request(key.process, key.secret, &mut request);
        stream.write_all_buf(&mut request).await?;
        stream.flush().await?;
        // There is no answer but the end, which comes after the signal.
        drop(stream.read(&mut [0]).await);
        Ok(())
    }

    async fn stream(&self) -> Result<Box<dyn Stream>, WireError> {
        let (host, port) = match &self.address.host {
            Host::Tcp(host, port) => (host, *port),
            Host::Local(path) => return local(path).await,
        };
        let mut stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let mut request = bytes::BytesMut::new();
        frontend::ssl_request(&mut request);
        stream.write_all_buf(&mut request).await?;
        // One byte and no more: what follows it must already be encrypted.
        match stream.read_u8().await? {
            b'S' => {}
            b'N' if self.address.tls.mode == Mode::Prefer => return Ok(Box::new(stream)),
            b'N' => return Err(WireError::Protocol("does not encrypt, and `sslmode` asks for it")),
            _ => return Err(WireError::Protocol("answers like no PostgreSQL")),
        }
        let name = ServerName::try_from(host.clone());
        let name =
            name.map_err(|_| WireError::Protocol("has a name that no certificate can have"))?;
        Ok(Box::new(tls.connect(name, stream).await?))
    }
}

/// The name of a setting of PostgreSQL, and its value.
pub(crate) type Setting = (&'static str, String);

#[cfg(unix)]
async fn local(path: &std::path::Path) -> Result<Box<dyn Stream>, WireError> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

#[cfg(not(unix))]
async fn local(_path: &std::path::Path) -> Result<Box<dyn Stream>, WireError> {
    Err(WireError::Protocol("has a local socket, which this system has not"))
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("address", &self.address).finish_non_exhaustive()
    }
}
