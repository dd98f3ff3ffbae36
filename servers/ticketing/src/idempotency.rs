//! Exactly-once writes: the ticket store records a keyed write in the transaction of the write itself.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_chassis::{
    ArgumentsHash, CallContext, Claim, IdempotencyStore, Recorded, Result, WriteKey,
};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::store::{TicketStore, WriteRecord};

/// How long a write can be repeated.
const RETENTION: Duration = Duration::from_hours(24);

/// How often older records are removed.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);

/// What the pipeline asks before it lets a keyed write through.
#[derive(Debug)]
pub(crate) struct WriteLog {
    store: Arc<dyn TicketStore>,
    purging: JoinHandle<()>,
}

impl WriteLog {
    /// Starts to forget old writes, too.
    pub(crate) fn new(store: Arc<dyn TicketStore>) -> Self {
        let purging = tokio::spawn(purge(Arc::clone(&store)));
        Self { store, purging }
    }

    pub(crate) fn stop(&self) {
        self.purging.abort();
    }
}

async fn purge(store: Arc<dyn TicketStore>) {
    let mut interval = tokio::time::interval(PURGE_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = store.purge_writes(RETENTION).await {
            tracing::warn!(%error, "old write records stay for another hour");
        }
    }
}

#[async_trait]
impl IdempotencyStore for WriteLog {
    /// A look-up: the record is made by the write's own transaction, which fails as a duplicate when
    /// another process was faster.
    async fn claim(&self, key: &WriteKey, _arguments: &ArgumentsHash) -> Result<Claim> {
        let found = self.store.find_write(key.as_str()).await?;
        Ok(found.map_or(Claim::Fresh, |write| {
            Claim::Done(Recorded {
                arguments: ArgumentsHash::from_stored(&write.arguments),
                result: write.result,
            })
        }))
    }

    async fn commit(&self, _key: &WriteKey, _result: &Value) -> Result<()> {
        Ok(())
    }

    async fn release(&self, _key: &WriteKey) -> Result<()> {
        Ok(())
    }
}

/// What a tool hands to the store, so that the record commits with the write.
pub(crate) fn record(context: &CallContext) -> Option<WriteRecord> {
    context.write().map(|write| WriteRecord {
        key: write.key.as_str().to_owned(),
        arguments: write.arguments.as_str().to_owned(),
    })
}
