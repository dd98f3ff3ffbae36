//! The two databases as one value, so that what they share is written once.

use std::time::Duration;

use sqlx::{PgPool, Sqlite, SqlitePool, pool::PoolConnection};
use tokio::time::{Instant, sleep};

use super::{Result, error::is_refusal, lease::Lease, transaction::Transaction};

/// How long a call waits for a connection that the database lets in.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Something of SQLite, or the same of PostgreSQL.
#[derive(Clone, Copy, Debug)]
pub(super) enum Driver<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// Runs one expression on the database at hand.
///
/// sqlx is generic over its driver at compile time and both take `$1` for a parameter, so the two arms
/// are the same tokens. A function generic over the driver would need a page of bounds instead.
macro_rules! on {
    ($driver:expr, $it:ident => $run:expr) => {
        match $driver {
            $crate::store::database::Driver::Sqlite($it) => $run,
            $crate::store::database::Driver::Postgres($it) => $run,
        }
    };
}
pub(super) use on;

/// The connections of a store.
#[derive(Debug)]
pub(super) struct Pools(pub(super) Driver<SqlitePools, PgPool>);

/// SQLite has one writer at a time: who waits, waits in our queue and not in the file's lock.
#[derive(Debug)]
pub(super) struct SqlitePools {
    /// One connection.
    pub(super) writer: SqlitePool,
    /// Several, which cannot write. The same pool as the writer's where the database is in memory.
    pub(super) reader: SqlitePool,
}

impl Pools {
    /// A connection to read by.
    pub(super) async fn reader(&self) -> Result<Driver<PoolConnection<Sqlite>, Lease>> {
        Ok(match &self.0 {
            Driver::Sqlite(pools) => Driver::Sqlite(pools.reader.acquire().await?),
            Driver::Postgres(pool) => Driver::Postgres(patiently(|| Lease::of(pool)).await?),
        })
    }

    /// Begins a write. Dropped without a commit it leaves nothing behind.
    pub(super) async fn begin(&self) -> Result<Transaction> {
        Ok(Transaction(match &self.0 {
            // Takes the lock at once: a transaction that has read first could not get it any more when
            // another process has written meanwhile.
            Driver::Sqlite(pools) => {
                Driver::Sqlite(pools.writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Driver::Postgres(pool) => Driver::Postgres(patiently(|| Lease::begin(pool)).await?),
        }))
    }
}

/// Asks again while the database does not let a new connection in: the password is being replaced. Connections that are
/// open stay good, and go round until the new one is in force.
async fn patiently<T, F>(attempt: impl Fn() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(sqlx::Error::Database(error))
                if is_refusal(error.as_ref()) && Instant::now() < deadline =>
            {
                sleep(PAUSE).await;
            }
            ended => return ended,
        }
    }
}
