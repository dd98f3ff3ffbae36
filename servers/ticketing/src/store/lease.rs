//! A connection to PostgreSQL that cannot keep its place in the pool for good.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{Executor as _, PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::{runtime::Handle, time::timeout};

/// How long the database may take to say that a connection is good for the next call.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection for as long as it is held.
///
/// The pool itself waits without an end for a connection that comes back. One that hangs, as behind a network that swallows
/// what is sent, would never be replaced, and after as many as there are places nothing would be answered any more.
#[derive(Debug)]
pub(super) struct Lease {
    connection: PoolConnection<Postgres>,
    /// Whether a transaction is open that nobody has committed.
    is_writing: bool,
}

impl Lease {
    /// Waits for a connection, as long as the pool does.
    pub(super) async fn of(pool: &PgPool) -> sqlx::Result<Self> {
        Ok(Self { connection: pool.acquire().await?, is_writing: false })
    }

    /// Begins a transaction.
    pub(super) async fn begin(pool: &PgPool) -> sqlx::Result<Self> {
        let mut lease = Self::of(pool).await?;
        lease.is_writing = true;
        lease.execute("BEGIN").await?;
        Ok(lease)
    }

    /// Makes durable what was written.
    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        self.execute("COMMIT").await?;
        self.is_writing = false;
        Ok(())
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // PostgreSQL undoes what a connection leaves open, and gives up its locks at once.
        if self.is_writing {
            self.connection.close_on_drop();
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let returned = timeout(PATIENCE, self.connection.return_to_pool());
        runtime.spawn(async move {
            if returned.await.is_err() {
                tracing::warn!("a database connection did not come back and is replaced");
            }
        });
    }
}
