//! PostgreSQL's protocol (version 3.0, chapter 55 of its manual), as far as a reader needs it.
//!
//! A driver would do all of this and more. This server needs what drivers do not give: a whole call in one round
//! trip, every value in its text form by the extended protocol, a bound on the size of one message before it is
//! read, and the protocol's own request to cancel. `postgres_protocol` reads and writes the messages.

mod address;
mod connection;
mod connector;
mod startup;
mod tls;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorResponseBody;

pub(crate) use address::{Address, AddressError};
pub(crate) use connection::{Connection, Received};
pub(crate) use connector::{Connector, Setting};

/// Why a connection is of no use, or a statement gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Server(ServerError),
    /// One of the two does not know the protocol.
    #[error("it {0}")]
    Protocol(&'static str),
}

/// What PostgreSQL says of a failure. Its `DETAIL` and `CONTEXT`, which may hold other rows, are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerError {
    /// The five characters of Appendix A.
    pub(crate) sqlstate: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// Character of the statement, from 1.
    pub(crate) position: Option<usize>,
}

impl std::fmt::Display for ServerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)
    }
}

impl ServerError {
    pub(crate) fn read(body: &ErrorResponseBody) -> Self {
        let (mut error, mut fields) = (Self::default(), body.fields());
        // A field that cannot be read ends the list.
        while let Ok(Some(field)) = fields.next() {
            let text = || String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => error.sqlstate = text(),
                b'M' => error.message = text(),
                b'H' => error.hint = Some(text()),
                b'P' => error.position = text().parse().ok(),
                _ => {}
            }
        }
        error
    }
}
