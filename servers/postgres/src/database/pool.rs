//! Connections that are kept, each for one call at a time, in the order in which callers come.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::QueryError;
use crate::wire::{Connection, Connector, Setting};

/// How long a call waits for a connection, and how long one may take to open.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that was not used for so long may have been forgotten by what stands between.
const IDLE: Duration = Duration::from_mins(5);

/// After this time a connection is replaced, so that a change of address or role takes effect everywhere.
const LIFETIME: Duration = Duration::from_mins(30);

/// How long a cancellation may take.
const CANCELLATION: Duration = Duration::from_secs(5);

/// At most as many connections as there are places.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    settings: Vec<Setting>,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    opened: Instant,
    since: Instant,
}

/// A place, and the connection on it.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<Connection>,
    opened: Instant,
    /// Whether somebody had it before.
    pub(super) is_used: bool,
    connector: Connector,
    idle: Arc<Mutex<Vec<Idle>>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Pool {
    pub(super) fn new(connector: Connector, settings: Vec<Setting>, places: usize) -> Self {
        let (places, idle) = (Arc::new(Semaphore::new(places)), Arc::default());
        Self { connector, settings, places, idle }
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A connection for one call.
    pub(super) async fn lease(&self) -> Result<Lease, QueryError> {
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_elapsed| QueryError::Busy)?;
        let place = place.map_err(|closed| QueryError::Unavailable(closed.into()))?;
        let mut lease = Lease {
            connection: None,
            opened: Instant::now(),
            is_used: true,
            connector: self.connector.clone(),
            idle: Arc::clone(&self.idle),
            place: Some(place),
        };
        if let Some(idle) = self.take_idle() {
            (lease.connection, lease.opened) = (Some(idle.connection), idle.opened);
        } else {
            self.renew(&mut lease).await?;
        }
        Ok(lease)
    }

    /// Puts a new connection in the place of one that broke; others that are idle will have broken with it.
    pub(super) async fn renew(&self, lease: &mut Lease) -> Result<(), QueryError> {
        if lease.connection.take().is_some() {
            locked(&self.idle).clear();
        }
        let connection = open(&self.connector, &self.settings).await?;
        (lease.connection, lease.opened, lease.is_used) = (Some(connection), Instant::now(), false);
        Ok(())
    }

    fn take_idle(&self) -> Option<Idle> {
        let mut idle = locked(&self.idle);
        while let Some(last) = idle.pop() {
            if last.since.elapsed() < IDLE && last.opened.elapsed() < LIFETIME {
                return Some(last);
            }
        }
        None
    }

    /// Ends every idle connection, and refuses new calls.
    pub(super) fn close(&self) {
        self.places.close();
        locked(&self.idle).clear();
    }
}

/// Opens a connection, in bounded time.
pub(super) async fn open(
    connector: &Connector,
    settings: &[Setting],
) -> Result<Connection, QueryError> {
    let opened = timeout(PATIENCE, connector.connect(settings)).await;
    Ok(opened.map_err(|elapsed| QueryError::Unavailable(elapsed.into()))??)
}

impl Lease {
    /// The connection, which stays the lease's until [`Lease::give_back`].
    pub(super) fn connection(&mut self) -> Result<&mut Connection, QueryError> {
        let gone = || QueryError::Internal("the connection is gone".into());
        self.connection.as_mut().ok_or_else(gone)
    }

    /// Lets another call have the connection: its session must have been reset.
    pub(super) fn give_back(mut self) {
        let Some(connection) = self.connection.take() else { return };
        let idle = Idle { connection, opened: self.opened, since: Instant::now() };
        locked(&self.idle).push(idle);
    }

    /// Closes the connection.
    pub(super) fn discard(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Lease {
    /// A call that ended before its answer did: what it runs is cancelled, in the background.
    ///
    /// Its place is free when that is done. The connection is kept open until then: its process number cannot be
    /// somebody else's meanwhile.
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // Outside of a runtime the whole process is ending, and its connections with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (connector, place) = (self.connector.clone(), self.place.take());
        runtime.spawn(async move {
            let cancelled = timeout(CANCELLATION, connector.cancel(connection.key())).await;
            if !matches!(cancelled, Ok(Ok(()))) {
                tracing::warn!("a statement could not be cancelled, its timeout will end it");
            }
            drop((connection, place));
        });
    }
}

fn locked(idle: &Mutex<Vec<Idle>>) -> MutexGuard<'_, Vec<Idle>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
