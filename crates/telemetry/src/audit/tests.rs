//! The writer against a store that fails on command and remembers the order of things.

use std::{
    io,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use mcp_errors::ErrorKind;

use super::{
    AuditLog, AuditRecord, Durability, Principal,
    chain::Head,
    file::{Store, Tail},
    verify,
};
use crate::{
    metrics::Metrics,
    operation::Target,
    trace::{RequestId, TraceContext},
};

#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    syncs: Vec<usize>,
    full: bool,
}

#[derive(Clone, Default)]
struct Scripted {
    disk: Arc<Mutex<Disk>>,
    /// Where there is one, each sync waits for a message.
    gate: Option<Arc<Mutex<mpsc::Receiver<()>>>>,
}

impl Store for Scripted {
    fn resume(&mut self, last: Head) -> io::Result<Tail> {
        Ok(Tail { head: last, torn: None })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock().unwrap();
        if disk.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.bytes.extend_from_slice(lines);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(gate) = &self.gate {
            gate.lock().unwrap().recv().ok();
        }
        let mut disk = self.disk.lock().unwrap();
        let length = disk.bytes.len();
        disk.syncs.push(length);
        Ok(())
    }
}

fn record(request_id: &RequestId) -> AuditRecord<'_> {
    AuditRecord {
        principal: Principal { key: "issuer|alice", display: "Alice" },
        client: Some(("inspector", "1.0")),
        method: "tools/call",
        target: Some(Target::Tool("close_ticket")),
        arguments_hash: None,
        arguments: None,
        fields: None,
        outcome: "ok",
        duration: Duration::from_millis(12),
        request_id,
        trace_id: TraceContext::root().trace_id,
        credential: None,
        address: None,
    }
}

#[tokio::test]
async fn a_write_resolves_only_after_its_line_was_synced_and_shares_that_sync() {
    let (open_gate, gate) = mpsc::channel();
    let store = Scripted { gate: Some(Arc::new(Mutex::new(gate))), ..Scripted::default() };
    open_gate.send(()).unwrap();
    let log = AuditLog::start(store.clone(), &Metrics::new("test", "1")).unwrap();
    let request_id = RequestId::generate();

    let mut writes: Vec<_> = (0..50)
        .map(|_| tokio::spawn(log.record(&record(&request_id), Durability::Synced)))
        .collect();
    log.record(&record(&request_id), Durability::Queued).await.unwrap();
    tokio::task::yield_now().await;
    assert!(writes.iter().all(|write| !write.is_finished()), "nothing is synced yet");

    for _ in 0..2 {
        open_gate.send(()).unwrap();
    }
    for write in &mut writes {
        write.await.unwrap().unwrap();
    }
    let disk = store.disk.lock().unwrap();
    let last_sync = *disk.syncs.last().unwrap();
    let synced = String::from_utf8(disk.bytes[..last_sync].to_vec()).unwrap();
    assert!(synced.lines().count() > 50, "every acknowledged line is within a sync");
    assert!(disk.syncs.len() <= 3, "opening, and at most two for fifty writes");
}

#[tokio::test]
async fn a_full_disk_is_reported_counted_and_healed_without_a_restart() {
    let store = Scripted::default();
    let metrics = Metrics::new("test", "1");
    let log = AuditLog::start(store.clone(), &metrics).unwrap();
    let request_id = RequestId::generate();

    store.disk.lock().unwrap().full = true;
    let error = log.record(&record(&request_id), Durability::Synced).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable);
    assert!(log.ready().await.is_err(), "writes are refused while nothing can be kept");
    assert!(metrics.render().contains("mcp_server_audit_write_failures_total 1\n"));

    store.disk.lock().unwrap().full = false;
    log.ready().await.unwrap();
    log.record(&record(&request_id), Durability::Synced).await.unwrap();
    log.close().await.unwrap();
    let verified = verify(&store.disk.lock().unwrap().bytes[..]).unwrap();
    assert_eq!((verified.recoveries, verified.closed), (1, true));
}

#[tokio::test]
async fn what_was_taken_before_the_end_is_kept() {
    let (open_gate, gate) = mpsc::channel();
    let store = Scripted { gate: Some(Arc::new(Mutex::new(gate))), ..Scripted::default() };
    open_gate.send(()).unwrap();
    let log = AuditLog::start(store.clone(), &Metrics::new("test", "1")).unwrap();
    let request_id = RequestId::generate();
    drop(log.record(&record(&request_id), Durability::Synced));
    let close = tokio::spawn({
        let log = log.clone();
        async move { log.close().await }
    });
    tokio::task::yield_now().await;
    // Either it is still taken, and then kept, or the caller is told.
    let late = log.record(&record(&request_id), Durability::Queued).await.is_ok();
    drop(open_gate);
    close.await.unwrap().unwrap();
    let verified = verify(&store.disk.lock().unwrap().bytes[..]).unwrap();
    assert_eq!((verified.lines, verified.closed), (3 + u64::from(late), true));
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_line() {
    let store = Scripted::default();
    let log = AuditLog::start(store.clone(), &Metrics::new("test", "1")).unwrap();
    drop(log.record(&record(&RequestId::generate()), Durability::Synced));
    log.close().await.unwrap();
    let lines = verify(&store.disk.lock().unwrap().bytes[..]).unwrap().lines;
    assert_eq!(lines, 3, "opened, the call, closed");
}

#[tokio::test]
async fn a_closed_log_takes_no_more_records() {
    let log = AuditLog::start(Scripted::default(), &Metrics::new("test", "1")).unwrap();
    log.close().await.unwrap();
    assert!(log.record(&record(&RequestId::generate()), Durability::Queued).await.is_err());
    assert!(log.ready().await.is_err());
}
