//! Stops a statement in the database when nobody waits for its answer any more.

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
};

/// How long a cancellation may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connection that is reserved for cancelling, so that a full pool cannot keep statements alive.
#[derive(Clone, Debug)]
pub(super) struct Canceller {
    pool: PgPool,
}

impl Canceller {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            // It stays: when it is needed, the database may have no other place.
            .idle_timeout(None)
            .max_lifetime(None);
        Self { pool: pool.connect_lazy_with(options) }
    }

    /// Opens the connection.
    pub(super) async fn reserve(&self) -> Result<(), sqlx::Error> {
        self.pool.acquire().await.map(drop)
    }

    /// Cancels what runs on `connection` and closes it, in the background.
    ///
    /// The connection is kept open until then: its process number cannot be somebody else's meanwhile.
    pub(super) fn cancel(&self, connection: PgConnection, process: i32) {
        // Outside of a runtime the whole process is ending, and its connections with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let canceller = self.clone();
        runtime.spawn(async move {
            canceller.cancel_now(process).await;
            drop(connection);
        });
    }

    /// Cancels what a process runs.
    pub(super) async fn cancel_now(&self, process: i32) {
        let cancel = sqlx::query("SELECT pg_cancel_backend($1)").bind(process);
        if let Err(error) = cancel.execute(&self.pool).await {
            tracing::warn!(%error, "a statement could not be cancelled, its timeout will end it");
        }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}
