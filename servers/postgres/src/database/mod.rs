//! The only module that talks to PostgreSQL: connections whose options no role default can undo.

mod answer;
mod bind;
mod cells;
mod error;
mod exchange;
mod pool;
mod role;
mod rows;
mod settings;
mod types;

use mcp_chassis::database_span;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument as _;

pub(crate) use answer::{Answer, AnswerColumn, Caps};
pub(crate) use error::QueryError;
pub(crate) use role::RoleReport;

use crate::{
    Config,
    guard::Root,
    wire::{Address, AddressError, Connector},
};
use answer::Collector;
use exchange::{DECLARE, Exchange, Form, Outcome};
use pool::{Lease, Pool};
use settings::Session;
use types::TypeNames;

/// How long PostgreSQL works on a query of our own.
const OWN_TIMEOUT: &str = "15s";

/// PostgreSQL, as a reader sees it.
#[derive(Debug)]
pub(crate) struct Database {
    pool: Pool,
    /// What opens the transaction of every statement of a caller's.
    begin: String,
    /// What opens those of callers who do not wait for them.
    begin_task: String,
    /// What opens those of our own.
    begin_own: String,
    types: TypeNames,
    is_exposed: bool,
}

impl Database {
    /// Connects, and learns what the settings of every later connection must be.
    ///
    /// # Errors
    /// When the URL cannot be used or the database does not answer.
    pub(crate) async fn connect(config: &Config) -> Result<Self, ConnectError> {
        let address = Address::parse(config.database.expose_secret())?;
        let is_exposed = address.is_exposed();
        let connector = Connector::new(address)?;
        let Session { settings, begin } = Session::negotiate(&connector, config).await?;
        let places = usize::try_from(config.pool_size.get()).unwrap_or(usize::MAX);
        let pool = Pool::new(connector, settings, places);
        // However little time callers have, the catalogue must be read.
        let begin_own = format!("{begin}; SET LOCAL statement_timeout = '{OWN_TIMEOUT}'");
        let task_timeout = config.task_timeout.as_millis();
        let begin_task = format!("{begin}; SET LOCAL statement_timeout = '{task_timeout}ms'");
        let database =
            Self { pool, begin, begin_task, begin_own, types: TypeNames::default(), is_exposed };
        // The first caller should not wait for them.
        database.types.of(&[0], &database).await?;
        Ok(database)
    }

    /// Runs a statement that every guard has let through.
    pub(crate) async fn run(
        &self,
        root: &Root,
        checked: &str,
        parameters: &[Value],
        caps: Caps,
    ) -> Result<Answer, QueryError> {
        let (form, described, prefix) = match root {
            Root::Query => (Form::Cursor, Form::DescribeCursor, DECLARE),
            Root::Explain | Root::Show(_) => (Form::Direct, Form::Describe, ""),
        };
        let mut types = Vec::new();
        if parameters.iter().any(bind::depends_on_type) {
            let described = self.exchange(described, checked, &[], caps).await;
            let described = described.map_err(|error| error.behind(prefix))?;
            types = self.types.of(&described.parameters, self).await?;
        }
        let texts = bind::texts(parameters, &types).map_err(QueryError::Argument)?;
        let collected = self.exchange(form, checked, &texts, caps).await;
        self.types.name(collected.map_err(|error| error.behind(prefix))?, self).await
    }

    /// Has PostgreSQL read a statement, without running it, for the error that it has.
    pub(crate) async fn read(&self, refused: &str) -> Result<(), QueryError> {
        self.exchange(Form::Describe, refused, &[], Caps::NONE).await.map(drop)
    }

    /// The rows of a query of our own.
    pub(crate) async fn rows<T: DeserializeOwned>(
        &self,
        sql: &'static str,
        parameters: &[Option<&str>],
    ) -> Result<Vec<T>, QueryError> {
        let parameters: Vec<_> = parameters.iter().map(|it| it.map(str::to_owned)).collect();
        let collector = self.exchange(Form::Own, sql, &parameters, Caps::NONE).await?;
        rows::read(collector)
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> Result<(), QueryError> {
        self.rows::<(i32,)>("SELECT 1", &[]).await.map(drop)
    }

    /// Whether statements and rows cross a network where somebody could read them, or stand in for the database.
    pub(crate) fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }

    /// One statement on a connection of its own. Callers are served in the order they come.
    async fn exchange(
        &self,
        form: Form,
        sql: &str,
        parameters: &[Option<String>],
        caps: Caps,
    ) -> Result<Collector, QueryError> {
        let exchange = Exchange { form, sql, parameters, caps };
        let span = database_span("postgresql", form.operation(), None);
        self.carry_out(exchange).instrument(span).await
    }

    async fn carry_out(&self, exchange: Exchange<'_>) -> Result<Collector, QueryError> {
        let begin = match exchange.form {
            Form::Own => &self.begin_own,
            _ if exchange.caps.is_task => &self.begin_task,
            _ => &self.begin,
        };
        let mut lease = self.pool.lease().await?;
        loop {
            match exchange.run(begin, lease.connection()?, self.pool.connector()).await {
                Ok(outcome) => return finish(outcome, lease),
                // After a restart of the database every idle connection is broken. The statement never got there.
                Err(broken) if broken.before && lease.is_used => {
                    self.pool.renew(&mut lease).await?;
                }
                Err(broken) => {
                    lease.discard();
                    return Err(broken.error.into());
                }
            }
        }
    }
}

/// The answer, once nobody can meet its session any more.
fn finish(outcome: Outcome, lease: Lease) -> Result<Collector, QueryError> {
    if outcome.is_reset {
        lease.give_back();
    } else {
        lease.discard();
    }
    outcome.answered.map_err(QueryError::Database)
}

/// Why there is no database to read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Query(#[from] QueryError),
}
