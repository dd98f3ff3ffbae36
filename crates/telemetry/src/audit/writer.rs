//! The one thread that writes: it owns the chain's end and commits whatever has queued up in one go.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use mcp_errors::Result;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    chain::Head,
    file::{Store, Tail},
    record::Notice,
    unavailable,
};
use crate::metrics::Metrics;

/// Lines that may wait for the disk: more than calls in flight, so only a disk that hangs fills it, and few
/// enough that the longest lines stay within 64 MiB.
const QUEUE: usize = 1024;

/// Lines written and synced together.
const BATCH: usize = 256;

/// How long a line that nobody waits for may wait for company: a busy server's lines are written by the dozen, at the
/// cost of one look at the file and one write.
const LINGER: Duration = Duration::from_millis(5);

/// How often the writer looks for more before it sleeps until it is woken. To wake it costs whoever sends a line more
/// than the line itself.
const LOOKS: u32 = 20;

/// Lines between two mentions of the chain's end in the log.
const ANNOUNCE_EVERY: u64 = 1000;

/// The line did not reach the disk; the reason is in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed;

type Receipt = oneshot::Sender<Result<(), Failed>>;
type Pending = oneshot::Receiver<Result<(), Failed>>;

struct Command {
    entry: Entry,
    receipt: Option<Receipt>,
}

impl Command {
    /// Whether nobody waits for it to be on disk.
    fn can_wait(&self) -> bool {
        self.receipt.is_none() && !self.closes()
    }

    fn closes(&self) -> bool {
        matches!(self.entry, Entry::Close)
    }
}

enum Entry {
    Line(Vec<u8>),
    /// Only to learn whether the store works.
    Probe,
    Close,
}

/// Commands that are done, and how that went.
struct Done {
    commands: Vec<Command>,
    answer: Result<(), Failed>,
}

impl Done {
    fn tell(self) {
        for receipt in self.commands.into_iter().filter_map(|command| command.receipt) {
            // Nobody may be waiting any more: the caller went away, the line stays.
            receipt.send(self.answer).ok();
        }
    }
}

/// The way to the writing thread, which ends when this is dropped.
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
    thread: Thread,
    broken: Arc<AtomicBool>,
    metrics: Metrics,
}

impl Writer {
    /// Resumes the chain in `store` and starts the thread.
    pub(super) fn start(store: impl Store, metrics: Metrics) -> io::Result<Self> {
        let broken = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut journal =
            Journal { store, head: Head::EMPTY, announced: 0, broken: broken.clone(), metrics };
        let metrics = journal.metrics.clone();
        journal.open()?;
        let named = thread::Builder::new().name("audit".to_owned());
        let thread = named.spawn(|| journal.run(receiver))?.thread().clone();
        Ok(Self { queue: sender, thread, broken, metrics })
    }

    /// Queues a line and returns what resolves when it is durable.
    pub(super) fn append_synced(&self, body: Vec<u8>) -> Result<Pending> {
        self.send_with_receipt(Entry::Line(body))
    }

    /// Queues a line.
    pub(super) fn append(&self, body: Vec<u8>) -> Result<()> {
        self.send(Command { entry: Entry::Line(body), receipt: None })
    }

    /// Whether the last commit failed or there will be none.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire) || self.queue.is_closed()
    }

    /// Makes the thread try to recover.
    pub(super) fn probe(&self) -> Result<Pending> {
        self.send_with_receipt(Entry::Probe)
    }

    /// Ends the thread after what is queued.
    pub(super) fn close(&self) -> Result<Pending> {
        self.send_with_receipt(Entry::Close)
    }

    fn send_with_receipt(&self, entry: Entry) -> Result<Pending> {
        let (receipt, pending) = oneshot::channel();
        self.send(Command { entry, receipt: Some(receipt) })?;
        self.thread.unpark();
        Ok(pending)
    }

    fn send(&self, command: Command) -> Result<()> {
        let is_line = matches!(command.entry, Entry::Line(_));
        self.queue.try_send(command).map_err(|refused| {
            self.metrics.audit_failures(u64::from(is_line));
            unavailable(match refused {
                TrySendError::Full(_) => "the audit log does not keep up",
                TrySendError::Closed(_) => "the audit log is closed",
            })
        })
    }
}

/// The chain and the store it is kept in.
struct Journal<S> {
    store: S,
    head: Head,
    announced: u64,
    broken: Arc<AtomicBool>,
    metrics: Metrics,
}

impl<S: Store> Journal<S> {
    fn open(&mut self) -> io::Result<()> {
        let mut lines = Vec::new();
        let tail = self.store.resume(self.head)?;
        let head = match tail.torn {
            Some(_) => {
                tracing::warn!("the audit log ended in a torn line, it stays and is accounted for");
                recovered(&tail, &mut lines)?
            }
            None => tail.head,
        };
        let head = head.append(&body(&Notice::opened())?, &mut lines);
        self.store.append(&lines)?;
        self.store.sync()?;
        self.head = head;
        self.announce();
        Ok(())
    }

    fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut looks = 0;
        while receive(&mut queue, &mut batch, looks) {
            looks = LOOKS;
            if batch.iter().any(Command::closes) {
                // Later senders are refused; what was taken before is still written.
                queue.close();
                while let Some(command) = queue.blocking_recv() {
                    batch.push(command);
                }
            }
            if let Some(farewell) = self.commit(&mut batch) {
                // Whoever waits for the end may open the file at once.
                drop(self);
                return farewell.tell();
            }
        }
        // Every handle is gone and nobody asked for the end.
        self.commit(&mut vec![Command { entry: Entry::Close, receipt: None }]);
    }

    /// Writes a batch, syncs it where somebody waits, and tells them. The answer to a `Close` is left to the
    /// caller.
    fn commit(&mut self, batch: &mut Vec<Command>) -> Option<Done> {
        let result = self.write(batch);
        let was_broken = self.broken.swap(result.is_err(), Ordering::AcqRel);
        if let Err(error) = &result {
            let lost = batch.iter().filter(|it| matches!(it.entry, Entry::Line(_))).count();
            self.metrics.audit_failures(lost as u64);
            if !was_broken {
                tracing::error!(%error, lost, "the audit log cannot be written");
            }
        } else if was_broken {
            tracing::warn!("the audit log can be written again");
        }
        let answer = result.map_err(|_| Failed);
        let (closing, others): (Vec<_>, Vec<_>) = batch.drain(..).partition(Command::closes);
        Done { commands: others, answer }.tell();
        (!closing.is_empty()).then_some(Done { commands: closing, answer })
    }

    fn write(&mut self, batch: &[Command]) -> io::Result<()> {
        let mut lines = Vec::with_capacity(batch.len() * 768);
        let mut head = self.head;
        let moved = self.store.moved();
        if moved {
            tracing::warn!("the audit log was moved away, it goes on in a new file");
            // The last word on the file that is gone.
            self.announce();
        }
        let recovers = moved || self.broken.load(Ordering::Acquire);
        if recovers {
            let tail = self.store.resume(self.head)?;
            head = recovered(&tail, &mut lines)?;
        }
        let mut closes = false;
        for command in batch {
            match &command.entry {
                Entry::Line(body) => head = head.append(body, &mut lines),
                Entry::Close => closes = true,
                Entry::Probe => {}
            }
        }
        // Last, even if lines were queued behind the wish to close.
        if closes {
            head = head.append(&body(&Notice::closed())?, &mut lines);
        }
        self.store.append(&lines)?;
        if recovers || closes || batch.iter().any(|command| command.receipt.is_some()) {
            self.store.sync()?;
        }
        self.head = head;
        if recovers || closes || head.seq >= self.announced + ANNOUNCE_EVERY {
            self.announce();
        }
        Ok(())
    }

    /// Names the chain's end outside of the file, where a cut at its end shows.
    fn announce(&mut self) {
        self.announced = self.head.seq;
        let hash = hex::encode(self.head.hash);
        tracing::info!(seq = self.head.seq, hash, "audit head");
    }
}

/// Fills `batch`, after as many looks by waiting for a first line; `false` when there will be none.
fn receive(queue: &mut mpsc::Receiver<Command>, batch: &mut Vec<Command>, looks: u32) -> bool {
    for _ in 0..looks {
        linger(queue, batch);
        if !batch.is_empty() {
            return true;
        }
    }
    let count = queue.blocking_recv_many(batch, BATCH);
    if batch.iter().all(Command::can_wait) && (1..BATCH).contains(&count) {
        linger(queue, batch);
    }
    count > 0
}

/// Waits a moment, or until somebody waits for the disk, and takes what is there.
fn linger(queue: &mut mpsc::Receiver<Command>, batch: &mut Vec<Command>) {
    thread::park_timeout(LINGER);
    let room = BATCH.saturating_sub(batch.len());
    batch.extend(std::iter::from_fn(|| queue.try_recv().ok()).take(room));
}

/// Continues the chain from `tail` with a line that accounts for what is torn.
fn recovered(tail: &Tail, lines: &mut Vec<u8>) -> io::Result<Head> {
    let torn = tail.torn.map(hex::encode);
    Ok(tail.head.append(&body(&Notice::recovered(torn.as_deref()))?, lines))
}

fn body(notice: &Notice<'_>) -> io::Result<Vec<u8>> {
    notice.body().map_err(io::Error::other)
}
