//! The only module that talks to PostgreSQL: connections whose options no role default can undo.

mod answer;
mod bind;
mod cancel;
mod cells;
mod dynamic;
mod error;
mod role;
mod session;
mod types;

use std::{str::FromStr as _, time::Duration};

use secrecy::ExposeSecret as _;
use serde_json::Value;
use sqlx::{
    ConnectOptions as _, Connection as _, PgPool,
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
};

pub(crate) use answer::{Answer, AnswerColumn, Caps};
pub(crate) use error::QueryError;
pub(crate) use role::{Role, RoleReport};
pub(crate) use session::Session;

use crate::{Config, guard::Root};
use cancel::Canceller;
use types::TypeNames;

/// How long a call waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// PostgreSQL, as a reader sees it.
#[derive(Debug)]
pub(crate) struct Database {
    pool: PgPool,
    canceller: Canceller,
    types: TypeNames,
}

impl Database {
    /// Connects, and learns what the options of every later connection must be.
    ///
    /// # Errors
    /// When the URL cannot be used or the database does not answer.
    pub(crate) async fn connect(config: &Config) -> Result<Self, ConnectError> {
        let url = config.database.expose_secret();
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(ConnectError::Url);
        }
        let options = PgConnectOptions::from_str(url)
            // The reason may repeat a part of the URL.
            .map_err(|_| ConnectError::Url)?
            .application_name("mcp-postgres")
            // `DISCARD ALL` drops prepared statements, so none may be remembered.
            .statement_cache_capacity(0)
            .extra_float_digits(1)
            .disable_statement_logging();
        let first = PgConnection::connect_with(&options);
        let first = tokio::time::timeout(PATIENCE, first).await;
        let mut first = first
            .map_err(|elapsed| QueryError::Unavailable(elapsed.into()))?
            .map_err(QueryError::from)?;
        let path = search_path(&mut first, config).await?;
        let version = first.server_version_num().unwrap_or(0) / 10_000;
        first.close().await.map_err(QueryError::from)?;

        let options = options.options(settings(config, version, &path));
        let canceller = Canceller::new(options.clone());
        canceller.reserve().await.map_err(QueryError::from)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.pool_size.get())
            .acquire_timeout(PATIENCE)
            // `BEGIN` finds out as well, without a round trip of its own.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(Self { pool, canceller, types: TypeNames::default() })
    }

    /// Begins a read-only transaction on a connection of its own. Callers are served in the order they come.
    pub(crate) async fn session(&self) -> Result<Session, QueryError> {
        // After a restart of the database every idle connection is broken; then comes a new one.
        let mut tries = self.pool.options().get_max_connections();
        loop {
            let connection = self.pool.acquire().await.map_err(|error| self.not_acquired(error))?;
            match Session::begin(connection, self.canceller.clone()).await {
                Err(error) if error.is_broken_connection() && tries > 0 => tries -= 1,
                begun => return begun,
            }
        }
    }

    fn not_acquired(&self, error: sqlx::Error) -> QueryError {
        let is_full = self.pool.size() >= self.pool.options().get_max_connections();
        match error {
            sqlx::Error::PoolTimedOut if is_full => QueryError::Busy,
            error => error.into(),
        }
    }

    /// Runs a statement that every guard has let through.
    pub(crate) async fn run(
        &self,
        root: &Root,
        checked: &str,
        parameters: &[Value],
        caps: Caps,
    ) -> Result<Answer, QueryError> {
        let mut session = self.session().await?;
        let collected = match root {
            Root::Query => session.query(checked, parameters, caps).await,
            Root::Explain | Root::Show(_) => session.direct(checked, parameters, caps).await,
        };
        match &collected {
            // What is still to come is cancelled.
            Ok(collected) if collected.is_cut => session.cut().await?,
            _ => session.end().await?,
        }
        self.types.name(collected?, self).await
    }

    /// Has PostgreSQL read a statement, without running it, for the error that it has.
    pub(crate) async fn read(&self, refused: &str) -> Result<(), QueryError> {
        let mut session = self.session().await?;
        let read = session.read(refused).await;
        session.end().await?;
        read
    }

    /// The rows of a query of our own.
    pub(crate) async fn rows<T>(
        &self,
        sql: &'static str,
        parameters: &[Option<&str>],
    ) -> Result<Vec<T>, QueryError>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let mut session = self.session().await?;
        let rows = session.rows_of(sql, parameters).await;
        session.end().await?;
        rows
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> Result<(), QueryError> {
        self.session().await?.end().await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.canceller.close().await;
    }
}

/// Why there is no database to read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("must be like `postgres://user:password@host/database`")]
    Url,
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Where unqualified names are looked up: the allowed schemas, or what the role has anyway, fixed from here on.
async fn search_path(
    connection: &mut PgConnection,
    config: &Config,
) -> Result<Vec<String>, QueryError> {
    if !config.schemas.is_empty() {
        return Ok(config.schemas.iter().cloned().collect());
    }
    let query = sqlx::query_scalar("SELECT unnest(current_schemas(false))::text");
    Ok(query.fetch_all(connection).await?)
}

/// Settings of every session. As start-up options they are what `RESET` and `DISCARD ALL` go back to, and no
/// default of the role or the database wins over them.
fn settings(config: &Config, version: u32, path: &[String]) -> Vec<(&'static str, String)> {
    let quoted = |schema: &String| format!("\"{}\"", schema.replace('"', "\"\""));
    let path = path.iter().map(quoted).collect::<Vec<_>>().join(",");
    let timeout = config.statement_timeout.as_millis();
    let mut settings = vec![
        ("default_transaction_read_only", "on".to_owned()),
        ("search_path", path),
        ("statement_timeout", format!("{timeout}ms")),
        ("lock_timeout", "2s".to_owned()),
        ("idle_in_transaction_session_timeout", "60s".to_owned()),
        // Text has one form, whatever the role prefers, and quotes mean what the parser thinks they mean.
        ("standard_conforming_strings", "on".to_owned()),
        ("bytea_output", "hex".to_owned()),
        ("IntervalStyle", "postgres".to_owned()),
        ("xmloption", "content".to_owned()),
        // Whole results are the norm.
        ("cursor_tuple_fraction", "1".to_owned()),
    ];
    if version >= 14 {
        // The database notices by itself when we are gone.
        settings.push(("client_connection_check_interval", "1s".to_owned()));
    }
    if version >= 17 {
        settings.push(("transaction_timeout", format!("{}ms", timeout.saturating_mul(2))));
    }
    settings
}
