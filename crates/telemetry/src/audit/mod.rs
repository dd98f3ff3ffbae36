//! The audit log: append-only, chained by hash, durable before a write is acknowledged.

mod chain;
mod file;
mod record;
mod refusals;
mod verify;
mod writer;

use std::{fmt, io, path::PathBuf, str::FromStr, sync::Arc};

use mcp_errors::{Error, ErrorKind, Result};
use tokio::{runtime::Handle, sync::oneshot};

pub use self::{
    record::{ArgumentsHash, AuditRecord, Principal, Refusal},
    verify::{Broken, Problem, Verified, verify},
};
use self::{refusals::Refusals, writer::Writer};
use crate::metrics::Metrics;

/// Where audit lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTarget {
    /// Nowhere.
    Off,
    /// Among the log lines; each starts with `{"seq":`.
    Stderr,
    /// Appended to a file that this process alone writes.
    File(PathBuf),
}

impl FromStr for AuditTarget {
    type Err = Error;

    /// `off`, `stderr`, else a path.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "" => Err(Error::invalid("audit log", "expected a file's path, `stderr` or `off`")),
            "off" => Ok(Self::Off),
            "stderr" => Ok(Self::Stderr),
            path => Ok(Self::File(path.into())),
        }
    }
}

/// When [`AuditLog::record`] resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Once the line is on disk: for everything that changes something.
    Synced,
    /// Once the line is handed to the writer: for reads.
    Queued,
}

/// The audit log; clones share it. Its one writer is a thread, which ends when the last clone is gone.
#[derive(Clone)]
pub struct AuditLog(Option<Arc<Inner>>);

struct Inner {
    writer: Writer,
    refusals: Refusals,
}

impl AuditLog {
    /// Opens the log, creates a file where there is none (mode 0600), and resumes its chain.
    ///
    /// # Errors
    /// The file cannot be opened, another process writes it, or it does not end in an audit chain.
    pub fn open(target: &AuditTarget, metrics: &Metrics) -> Result<Self> {
        match target {
            AuditTarget::Off => Ok(Self(None)),
            AuditTarget::Stderr => {
                Self::start(file::Stderr, metrics).map_err(|error| cannot_open("stderr", &error))
            }
            AuditTarget::File(path) => Self::start(file::LogFile::new(path.clone()), metrics)
                .map_err(|error| cannot_open(path.display(), &error)),
        }
    }

    fn start(store: impl file::Store, metrics: &Metrics) -> io::Result<Self> {
        let writer = Writer::start(store, metrics.clone())?;
        let refusals = Refusals::new(metrics.clone());
        Ok(Self(Some(Arc::new(Inner { writer, refusals }))))
    }

    /// Whether records are kept at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Records one call. The line is queued before this returns, so that a caller who goes away leaves a
    /// trace; the future only waits for the disk.
    ///
    /// # Errors
    /// `unavailable`: the line could not be written, or the queue is full because the disk does not keep up.
    /// With [`Durability::Queued`] only the latter is known.
    pub fn record(
        &self,
        record: &AuditRecord<'_>,
        durability: Durability,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let receipt = self.0.as_ref().map_or(Ok(None), |inner| {
            let body = record.body()?;
            match durability {
                Durability::Synced => inner.writer.append_synced(body).map(Some),
                Durability::Queued => inner.writer.append(body).map(|()| None),
            }
        });
        async move {
            match receipt? {
                Some(receipt) => written(receipt).await,
                None => Ok(()),
            }
        }
    }

    /// Records a request that was turned away before it became a call. Beyond 60 a minute they are only
    /// counted, and the count is written when the minute ends.
    ///
    /// Never waits and never fails towards the caller, who is being refused anyway. Outside of a Tokio runtime
    /// the count is written with the next refusal or on closing.
    pub fn refused(&self, refusal: &Refusal<'_>) {
        let Some(inner) = &self.0 else { return };
        let Some(minute_ends) = inner.refusals.record(refusal, &inner.writer) else { return };
        if let Ok(runtime) = Handle::try_current() {
            // Weak, so that a waiting summary does not keep a dropped log open.
            let log = Arc::downgrade(inner);
            runtime.spawn(async move {
                tokio::time::sleep_until(minute_ends).await;
                if let Some(inner) = log.upgrade() {
                    inner.refusals.flush(&inner.writer);
                }
            });
        }
    }

    /// Whether the next line can be kept; to be asked before each write. After a failure this writes and
    /// syncs a `recovered` line, so the log heals as soon as the disk does.
    ///
    /// # Errors
    /// `unavailable` while the log cannot be written.
    pub async fn ready(&self) -> Result<()> {
        match &self.0 {
            Some(inner) if inner.writer.is_broken() => written(inner.writer.probe()?).await,
            _ => Ok(()),
        }
    }

    /// Writes what is queued and a `closed` line, syncs, and ends the writer. Later records fail.
    ///
    /// # Errors
    /// `unavailable`: the last lines could not be written.
    pub async fn close(&self) -> Result<()> {
        match &self.0 {
            Some(inner) => {
                inner.refusals.flush(&inner.writer);
                written(inner.writer.close()?).await
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

async fn written(receipt: oneshot::Receiver<Result<(), writer::Failed>>) -> Result<()> {
    match receipt.await {
        Ok(Ok(())) => Ok(()),
        // Either the disk failed, which the writer has logged, or the writer is gone.
        Ok(Err(writer::Failed)) | Err(_) => Err(unavailable("the audit log cannot be written")),
    }
}

fn cannot_open(target: impl fmt::Display, error: &io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the audit log `{target}` cannot be opened: {error}"),
    )
}

fn unavailable(message: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests;
