//! A store of its own for each test.

use std::{
    process,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{
    ConnectOptions as _, Postgres, migrate::MigrateDatabase as _, postgres::PgConnectOptions,
};
use tempfile::TempDir;

use super::cluster::Cluster;
use crate::store::{self, TicketStore};

/// A store, and what has to live as long as it.
pub(super) struct Fixture {
    pub(super) store: Arc<dyn TicketStore>,
    pub(super) url: String,
    _directory: Option<TempDir>,
    _cluster: Option<Arc<Cluster>>,
}

impl Fixture {
    /// A file that no other test sees.
    pub(super) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("tickets.db").display());
        Self { store: open(&url).await, url, _directory: Some(directory), _cluster: None }
    }

    /// A database that no other test sees, in a PostgreSQL that all share.
    pub(super) async fn postgres() -> Self {
        let cluster = Cluster::shared();
        let url = new_database(cluster.url()).await;
        Self { store: open(&url).await, url, _directory: None, _cluster: Some(cluster) }
    }
}

/// A store at `url`.
pub(super) async fn open(url: &str) -> Arc<dyn TicketStore> {
    store::open(&url.to_owned().into()).await.unwrap()
}

/// An empty database in the PostgreSQL at `url`.
pub(super) async fn new_database(url: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("tickets_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let options = PgConnectOptions::from_str(url).unwrap().database(&name);
    let url = options.to_url_lossy().to_string();
    Postgres::create_database(&url).await.unwrap();
    url
}
