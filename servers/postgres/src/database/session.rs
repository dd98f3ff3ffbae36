//! One call's use of a connection: a read-only transaction, always rolled back, and a reset.

use std::time::Duration;

use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::{
    Either, Executor as _, FromRow, PgConnection, Postgres, Row as _, SqlSafeStr as _,
    Statement as _,
    pool::PoolConnection,
    postgres::{PgRow, PgTypeInfo},
};

use super::{
    QueryError,
    answer::{Caps, Collector},
    bind::{self, Bound, ParameterType},
    cancel::Canceller,
    dynamic::{DECLARE, Dynamic},
};

/// A connection in a read-only transaction. Dropped before [`Session::end`], what it runs is cancelled.
#[derive(Debug)]
pub(crate) struct Session {
    /// Taken when the session ends.
    connection: Option<PoolConnection<Postgres>>,
    process: i32,
    canceller: Canceller,
}

impl Session {
    /// Begins the transaction and learns whom to cancel, in one round trip.
    pub(super) async fn begin(
        connection: PoolConnection<Postgres>,
        canceller: Canceller,
    ) -> Result<Self, QueryError> {
        let mut session = Self { connection: Some(connection), process: 0, canceller };
        let begin = sqlx::raw_sql("BEGIN READ ONLY; SELECT pg_backend_pid()");
        let row = begin.fetch_one(session.connection()?).await;
        match row.and_then(|row| row.try_get(0)) {
            Ok(process) => session.process = process,
            Err(error) => {
                session.close();
                return Err(error.into());
            }
        }
        Ok(session)
    }

    /// The rows of a query of our own.
    pub(crate) async fn rows<T>(&mut self, sql: &'static str) -> Result<Vec<T>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let query = sqlx::query_as(sql).persistent(false);
        Ok(query.fetch_all(self.connection()?).await?)
    }

    /// The rows of a query of our own with text parameters.
    pub(crate) async fn rows_of<T>(
        &mut self,
        sql: &'static str,
        parameters: &[Option<&str>],
    ) -> Result<Vec<T>, QueryError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let query = sqlx::query_as(sql).persistent(false);
        let query = parameters.iter().fold(query, |query, parameter| query.bind(*parameter));
        Ok(query.fetch_all(self.connection()?).await?)
    }

    /// Runs a checked query and collects its rows until a cap is reached.
    pub(super) async fn query(
        &mut self,
        checked: &str,
        parameters: &[Value],
        caps: Caps,
    ) -> Result<Collector, QueryError> {
        self.declare(checked, parameters).await.map_err(|error| error.behind(DECLARE))?;
        // One row more than asked for tells whether there are more.
        let fetch = sqlx::raw_sql(Dynamic::fetch(caps.rows.saturating_add(1)));
        let mut collector = Collector::new(caps);
        let mut rows = fetch.fetch(self.connection()?);
        while let Some(row) = rows.try_next().await? {
            if !collector.add(&row)? {
                break;
            }
        }
        drop(rows);
        if collector.is_empty() {
            let fetch = "FETCH FORWARD 1 FROM mcp_cursor".into_sql_str();
            let statement = self.connection()?.prepare(fetch).await?;
            collector.describe(statement.columns());
        }
        Ok(collector)
    }

    /// Runs a checked `EXPLAIN` or `SHOW`.
    pub(super) async fn direct(
        &mut self,
        checked: &str,
        parameters: &[Value],
        caps: Caps,
    ) -> Result<Collector, QueryError> {
        let bound = self.bind(Dynamic::direct(checked), parameters).await?;
        let query = sqlx::query(Dynamic::direct(checked)).persistent(false);
        let query = bound.into_iter().fold(query, sqlx::query::Query::bind);
        let mut collector = Collector::new(caps);
        let mut rows = query.fetch(self.connection()?);
        while let Some(row) = rows.try_next().await? {
            if !collector.add(&row)? {
                break;
            }
        }
        drop(rows);
        Ok(collector)
    }

    /// Has a statement parsed by the extended protocol, and nothing more.
    pub(super) async fn read(&mut self, refused: &str) -> Result<(), QueryError> {
        let sql = Dynamic::direct(refused).into_sql_str();
        self.connection()?.prepare(sql).await?;
        Ok(())
    }

    async fn declare(&mut self, checked: &str, parameters: &[Value]) -> Result<(), QueryError> {
        let bound = self.bind(Dynamic::cursor(checked), parameters).await?;
        let query = sqlx::query(Dynamic::cursor(checked)).persistent(false);
        let query = bound.into_iter().fold(query, sqlx::query::Query::bind);
        query.execute(self.connection()?).await?;
        Ok(())
    }

    /// Converts parameters to the types that PostgreSQL infers for them.
    async fn bind(&mut self, sql: Dynamic, values: &[Value]) -> Result<Vec<Bound>, QueryError> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let statement = self.connection()?.prepare(sql.into_sql_str()).await?;
        let oids: Vec<_> = match statement.parameters() {
            Some(Either::Left(types)) => types.iter().filter_map(PgTypeInfo::oid).collect(),
            _ => Vec::new(),
        };
        let types: Vec<ParameterType> = sqlx::query_as(PARAMETER_TYPES)
            .bind(&oids)
            .persistent(false)
            .fetch_all(self.connection()?)
            .await?;
        let texts = (1..).zip(values).zip(&types);
        let texts = texts.map(|((number, value), of)| bind::text(number, value, of));
        let texts: Vec<_> = texts.collect::<Result<_, _>>().map_err(QueryError::Argument)?;
        let convert = sqlx::query(Dynamic::convert(&types)).bind(texts).persistent(false);
        let row = convert.fetch_one(self.connection()?).await?;
        let bytes = |index| row.try_get::<Option<Vec<u8>>, _>(index);
        let bound = oids.iter().enumerate();
        let bound = bound.map(|(index, oid)| Ok(Bound { oid: *oid, bytes: bytes(index)? }));
        bound.collect()
    }

    /// Rolls back, resets the session and gives the connection back.
    ///
    /// The answer is told after this, so that nobody who has it can meet its transaction.
    pub(crate) async fn end(mut self) -> Result<(), QueryError> {
        let connection = self.connection()?;
        let reset = async {
            sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
            sqlx::raw_sql("DISCARD ALL").execute(&mut *connection).await
        };
        match reset.await {
            Ok(_) => drop(self.connection.take()),
            // It may be in any state: nobody gets it again.
            Err(_) => self.close(),
        }
        Ok(())
    }

    /// Ends a session that has more to send than anybody wants: cancels that, reads what is under way, and resets.
    pub(super) async fn cut(self) -> Result<(), QueryError> {
        self.canceller.cancel_now(self.process).await;
        // Dropped after that time, the connection is closed.
        tokio::time::timeout(DRAIN, self.end()).await.unwrap_or(Ok(()))
    }

    fn connection(&mut self) -> Result<&mut PgConnection, QueryError> {
        let gone = || QueryError::Internal("the session has ended".into());
        self.connection.as_deref_mut().ok_or_else(gone)
    }

    /// Closes the connection without a word.
    fn close(&mut self) {
        drop(self.connection.take().map(PoolConnection::detach));
    }
}

/// How long what was cancelled may go on sending.
const DRAIN: Duration = Duration::from_secs(2);

/// In the order of the numbers asked for.
const PARAMETER_TYPES: &str = "
    SELECT quote_ident(tn.nspname) || '.' || quote_ident(t.typname) AS name,
        quote_ident(pn.nspname) || '.' || quote_ident(p.proname) AS send,
        t.typcategory::text AS category, t.oid IN (114, 3802) AS is_json
    FROM unnest($1::oid[]) WITH ORDINALITY AS asked (oid, number)
        JOIN pg_type t ON t.oid = asked.oid JOIN pg_namespace tn ON tn.oid = t.typnamespace
        JOIN pg_proc p ON p.oid = t.typsend JOIN pg_namespace pn ON pn.oid = p.pronamespace
    ORDER BY asked.number";

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.canceller.cancel(connection.detach(), self.process);
        }
    }
}
