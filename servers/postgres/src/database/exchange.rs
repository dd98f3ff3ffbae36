//! One statement in one round trip: a read-only transaction around it, always rolled back, and a reset.
//!
//! All messages are sent at once and PostgreSQL works through them in order, so that nothing of a session is
//! left when its answer is complete. A statement that fails changes nothing about what follows it.

use std::{io, time::Duration};

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::{
    IsNull,
    message::{
        backend::{Message, RowDescriptionBody},
        frontend::{self, BindError},
    },
};
use tokio::time::timeout;

use super::{
    answer::{Caps, Collector},
    error::too_long,
};
use crate::wire::{Connection, Connector, Received, ServerError, WireError};

/// What stands before a statement when it is opened as a cursor.
pub(super) const DECLARE: &str = "DECLARE mcp_cursor NO SCROLL CURSOR FOR ";

/// The number of the type `text`.
const TEXT: u32 = 25;

/// The largest message that is no row.
const MESSAGE: usize = 1_024 * 1_024;

/// How long what was cancelled may go on sending.
const DRAIN: Duration = Duration::from_secs(2);

/// How a statement is put to PostgreSQL. Its text is unchanged, and goes by the extended protocol in every form:
/// there PostgreSQL takes one statement and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A checked query, behind `DECLARE … CURSOR FOR`: PostgreSQL itself then takes nothing but a query, and no more
    /// rows than are asked for are computed.
    Cursor,
    /// A checked `EXPLAIN` or `SHOW`, which no cursor can be opened over.
    Direct,
    /// A query of our own, whose values are text.
    Own,
    /// Parsed and described, not run.
    Describe,
    /// Described as the query of a cursor.
    DescribeCursor,
}

impl Form {
    /// What traces call it.
    pub(super) fn operation(self) -> &'static str {
        match self {
            Self::Cursor | Self::Own => "SELECT",
            Self::Direct => "EXPLAIN",
            Self::Describe | Self::DescribeCursor => "PREPARE",
        }
    }
}

/// A statement with its values as text.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) form: Form,
    pub(super) sql: &'a str,
    pub(super) parameters: &'a [Option<String>],
    pub(super) caps: Caps,
}

/// What a statement gave.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) answered: Result<Collector, ServerError>,
    /// Whether the connection is as it was before, so that another call may have it.
    pub(super) is_reset: bool,
}

/// Why a connection gave out.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) error: WireError,
    /// Whether it was broken before the statement got there.
    pub(super) before: bool,
}

/// What the messages that are sent ask for, in order; each ends with `ReadyForQuery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Begin,
    Statement,
    Rollback,
    Reset,
}

impl Exchange<'_> {
    /// Runs the statement behind `begin` and reads until the session is reset. What comes after a cap is cancelled.
    pub(super) async fn run(
        &self,
        begin: &str,
        connection: &mut Connection,
        connector: &Connector,
    ) -> Result<Outcome, Broken> {
        let mut reply = Reply::new(self.caps_of_reply());
        let sent = match self.write(begin, connection.outgoing()) {
            Ok(()) => connection.send().await,
            Err(error) => Err(error),
        };
        sent.map_err(|error| Broken { error: error.into(), before: true })?;
        while !reply.is_complete() {
            if let Err(error) = reply.take(connection).await {
                return reply.broken(error);
            }
            if reply.is_unwanted() {
                // Unless this succeeds, the statement's timeout ends it.
                drop(timeout(DRAIN, connector.cancel(connection.key())).await);
                let drained = timeout(DRAIN, reply.drain(connection)).await;
                return Ok(Outcome { is_reset: drained.unwrap_or(false), ..reply.outcome() });
            }
        }
        Ok(reply.outcome())
    }

    /// A cursor passes over what is not wanted before anything is sent.
    fn caps_of_reply(&self) -> Caps {
        let skip = if self.form == Form::Cursor { 0 } else { self.caps.skip };
        Caps { skip, ..self.caps }
    }

    fn write(&self, begin: &str, out: &mut BytesMut) -> io::Result<()> {
        frontend::query(begin, out)?;
        match self.form {
            Form::Cursor => {
                let declare = [DECLARE, self.sql].concat();
                frontend::parse("", &declare, [], out)?;
                self.bind(out)?;
                frontend::execute("", 0, out)?;
                let own = Exchange { parameters: &[], ..*self };
                if self.caps.skip > 0 {
                    let pass = format!("MOVE FORWARD {} FROM mcp_cursor", self.caps.skip);
                    frontend::parse("", &pass, [], out)?;
                    own.bind(out)?;
                    frontend::execute("", 0, out)?;
                }
                // One row more than asked for tells whether there are more.
                let rows = self.caps.rows.saturating_add(1);
                let fetch = format!("FETCH FORWARD {rows} FROM mcp_cursor");
                frontend::parse("", &fetch, [], out)?;
                own.bind(out)?;
                frontend::describe(b'P', "", out)?;
                frontend::execute("", 0, out)?;
            }
            Form::Direct | Form::Own => {
                let types = self.parameters.iter().filter(|_| self.form == Form::Own);
                frontend::parse("", self.sql, types.map(|_| TEXT), out)?;
                self.bind(out)?;
                frontend::describe(b'P', "", out)?;
                frontend::execute("", 0, out)?;
            }
            Form::Describe => {
                frontend::parse("", self.sql, [], out)?;
                frontend::describe(b'S', "", out)?;
            }
            Form::DescribeCursor => {
                frontend::parse("", &[DECLARE, self.sql].concat(), [], out)?;
                frontend::describe(b'S', "", out)?;
            }
        }
        frontend::sync(out);
        frontend::query("ROLLBACK", out)?;
        frontend::query("DISCARD ALL", out)
    }

    /// Values go as text and come back as text, whatever their types are.
    fn bind(&self, out: &mut BytesMut) -> io::Result<()> {
        let write = |value: &Option<String>, out: &mut BytesMut| {
            let Some(text) = value else { return Ok(IsNull::Yes) };
            out.extend_from_slice(text.as_bytes());
            Ok(IsNull::No)
        };
        frontend::bind("", "", [], self.parameters, write, [], out).map_err(|error| match error {
            BindError::Serialization(error) => error,
            BindError::Conversion(error) => io::Error::other(error),
        })
    }
}

/// An answer while it comes.
struct Reply {
    part: Option<Part>,
    collector: Collector,
    error: Option<ServerError>,
    /// Whether everything but the statement itself went as it should.
    is_clean: bool,
}

impl Reply {
    fn new(caps: Caps) -> Self {
        let collector = Collector::new(caps);
        Self { part: Some(Part::Begin), collector, error: None, is_clean: true }
    }

    fn is_complete(&self) -> bool {
        self.part.is_none()
    }

    /// Whether rows are still to come that nobody wants.
    fn is_unwanted(&self) -> bool {
        self.collector.is_cut
    }

    fn outcome(self) -> Outcome {
        let answered = match self.error {
            // The end of what was cut off is an error to PostgreSQL only.
            Some(error) if !self.collector.is_cut => Err(error),
            _ => Ok(self.collector),
        };
        Outcome { answered, is_reset: self.is_clean }
    }

    /// A connection that ended; what PostgreSQL said before that is the better reason.
    fn broken(self, error: WireError) -> Result<Outcome, Broken> {
        let before = self.part == Some(Part::Begin);
        match self.error {
            Some(said) if !before => Ok(Outcome { answered: Err(said), is_reset: false }),
            Some(said) => Err(Broken { error: WireError::Server(said), before }),
            None => Err(Broken { error, before }),
        }
    }

    async fn take(&mut self, connection: &mut Connection) -> Result<(), WireError> {
        let is_statement = self.part == Some(Part::Statement);
        let limit = self.collector.largest_row().max(MESSAGE);
        let message = match connection.receive(limit).await? {
            Received::Message(message) => message,
            Received::Oversized { is_row: true } => {
                self.collector.cut();
                return Ok(());
            }
            Received::Oversized { is_row: false } => {
                self.fail(too_long());
                return Ok(());
            }
        };
        match message {
            Message::ReadyForQuery(_) => self.part = self.part.and_then(Part::next),
            Message::ErrorResponse(body) => self.fail(ServerError::read(&body)),
            Message::DataRow(row) if is_statement => self.collector.add(&row)?,
            Message::RowDescription(body) if is_statement => {
                self.collector.columns = columns(&body)?;
            }
            Message::ParameterDescription(body) if is_statement => {
                self.collector.parameters = body.parameters().collect()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn fail(&mut self, error: ServerError) {
        self.is_clean &= self.part == Some(Part::Statement);
        self.error.get_or_insert(error);
    }

    /// Reads what is under way, and says whether the session is reset.
    async fn drain(&mut self, connection: &mut Connection) -> bool {
        while !self.is_complete() {
            if self.take(connection).await.is_err() {
                return false;
            }
        }
        self.is_clean
    }
}

impl Part {
    fn next(self) -> Option<Self> {
        match self {
            Self::Begin => Some(Self::Statement),
            Self::Statement => Some(Self::Rollback),
            Self::Rollback => Some(Self::Reset),
            Self::Reset => None,
        }
    }
}

fn columns(body: &RowDescriptionBody) -> io::Result<Vec<(String, u32)>> {
    body.fields().map(|field| Ok((field.name().to_owned(), field.type_oid()))).collect()
}
