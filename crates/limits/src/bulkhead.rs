//! How many calls run at once, how many wait for their turn, and when the rest is turned away.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_errors::{Error, ErrorKind, Result};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::shards::{Held, Keyed};

/// Nobody waits longer for a permit, whatever patience was asked for: who is turned away learns it soon.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The size of a [`Bulkhead`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkheadConfig {
    /// Calls that run at once.
    pub max: NonZeroU32,
    /// Calls that may wait for one of the `max` permits, and as many for one of a client's own.
    pub queue: u32,
    /// Calls of one client that run or wait for a common permit; its others wait in a line of their own.
    pub per_client: NonZeroU32,
}

/// Permits for a bounded number of calls at once, granted in the order of asking.
///
/// A client asks for a permit of its own first. So it holds at most `per_client` of the common permits
/// and of the places in the common line, and its surplus waits where it stands in nobody else's way.
///
/// A call may pass several bulkheads, say one of its tool class and then one for all. They must be asked
/// in the same order everywhere, the narrow one first: what waits there holds no common permit.
#[derive(Debug)]
pub struct Bulkhead {
    config: BulkheadConfig,
    common: Line,
    clients: Arc<Keyed<Line>>,
    waiting: AtomicUsize,
}

/// The right to run one call; given back when dropped.
#[derive(Debug)]
#[must_use = "the permit is given back when dropped"]
pub struct Permit {
    // In this order: the client's line can only vanish once its permit is back.
    _common: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _line: Held<Line>,
}

impl Bulkhead {
    /// A bulkhead with every permit free.
    pub fn new(config: BulkheadConfig) -> Self {
        Self {
            config,
            common: Line::new(config.max, config.queue),
            clients: Arc::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits for a permit, for `patience` or a second, whichever is shorter. Dropping the future gives
    /// up the place in the line.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] when the line is full, or after the wait.
    pub async fn acquire(&self, client: &str, patience: Duration) -> Result<Permit> {
        let BulkheadConfig { per_client, queue, .. } = self.config;
        let line = self.clients.hold(client, || Line::new(per_client, queue));
        let permits = async {
            let own = line.enter(&self.waiting).await?;
            Ok((own, self.common.enter(&self.waiting).await?))
        };
        let (own, common) =
            timeout(patience.min(LONGEST_WAIT), permits).await.unwrap_or_else(|_| Err(shed()))?;
        Ok(Permit { _common: common, _own: own, _line: line })
    }

    /// Its size.
    pub fn config(&self) -> BulkheadConfig {
        self.config
    }

    /// Calls that run now.
    pub fn in_use(&self) -> usize {
        self.common.size - self.common.permits.available_permits()
    }

    /// Calls that wait now, in the common line or in a client's own.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Permits, and a bounded line of those who wait for one.
#[derive(Debug)]
struct Line {
    permits: Arc<Semaphore>,
    size: usize,
    queue: usize,
    waiting: AtomicUsize,
}

impl Line {
    fn new(permits: NonZeroU32, queue: u32) -> Self {
        let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let size = whole(permits.get()).min(Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(size)),
            size,
            queue: whole(queue),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Takes a permit, after a wait that is counted in `all_waiting` as well.
    async fn enter(&self, all_waiting: &AtomicUsize) -> Result<OwnedSemaphorePermit> {
        // Fair all the same: a permit given back goes to those who wait before it counts as free.
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Place::take([&self.waiting, all_waiting], self.queue)?;
        Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)
    }
}

/// A place in a line, counted as long as it lives.
struct Place<'a>([&'a AtomicUsize; 2]);

impl<'a> Place<'a> {
    fn take(counts: [&'a AtomicUsize; 2], most: usize) -> Result<Self> {
        let place = Self(counts);
        let [of_line, _] = counts.map(|count| count.fetch_add(1, Ordering::Relaxed));
        if of_line < most { Ok(place) } else { Err(shed()) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        for count in self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn shed() -> Error {
    let overloaded = ErrorKind::Overloaded { retry_after: LONGEST_WAIT };
    Error::new(overloaded, "too many calls are running, try again in a second")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_idle_client_leaves_nothing_behind() {
        let one = NonZeroU32::MIN;
        let bulkhead = Bulkhead::new(BulkheadConfig { max: one, queue: 0, per_client: one });
        for client in 0..1000 {
            let permit = bulkhead.acquire(&format!("{client}"), Duration::ZERO).await.unwrap();
            assert!(bulkhead.acquire("other", Duration::ZERO).await.is_err());
            assert_eq!(bulkhead.clients.len(), 1);
            drop(permit);
        }
        assert_eq!((bulkhead.clients.len(), bulkhead.in_use(), bulkhead.waiting()), (0, 0, 0));
    }
}
