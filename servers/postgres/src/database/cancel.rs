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
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
        Self { pool: pool.connect_lazy_with(options) }
    }

    /// Cancels what runs on `connection` and closes it, in the background.
    ///
    /// The connection is kept open until then: its process number cannot be somebody else's meanwhile.
    pub(super) fn cancel(&self, connection: PgConnection, process: i32) {
        // Outside of a runtime the whole process is ending, and its connections with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let pool = self.pool.clone();
        runtime.spawn(async move {
            let cancel = sqlx::query("SELECT pg_cancel_backend($1)").bind(process).execute(&pool);
            if let Err(error) = cancel.await {
                tracing::warn!(%error, "a statement could not be cancelled, its timeout will end it");
            }
            drop(connection);
        });
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}
