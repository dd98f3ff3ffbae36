//! The first layer: PostgreSQL's own parser, and an allowlist over every node of the tree.
//!
//! What comes out of here is one query, `EXPLAIN` of one or `SHOW`, without a writing statement, `INTO` or a
//! row lock at any depth, and the list of everything that it names. What the names mean is `verdict`'s part.

mod facts;
mod nodes;
mod refusal;
mod walk;
mod words;

use std::{
    io,
    panic::catch_unwind,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use tokio::sync::oneshot;

pub(crate) use facts::{Facts, Name, Relation, Root};
pub(crate) use refusal::{Place, Refusal};
pub(crate) use words::words;

/// The longest statement, in bytes; the worst takes some 5 ms.
pub(crate) const MAX_SQL: usize = 32 * 1_024;

/// The longest that is read where it is asked for. The worst of this length takes half a millisecond, and none takes
/// more than a little stack: neither the parser nor the walk recurses. Handing a statement over takes 20 µs, as long as
/// reading a common one.
const IN_PLACE: usize = 4 * 1_024;

/// One slow parse must not keep everybody waiting. They are our own threads and not the runtime's, which come and go:
/// `libpg_query` takes one of the process's 1,024 keys for every thread that has ever parsed, and keeps it.
const THREADS: usize = 2;

struct Job {
    sql: String,
    reply: oneshot::Sender<Result<Facts, Refusal>>,
}

/// Reads statements, long ones on threads of its own.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    jobs: mpsc::Sender<Job>,
}

impl Guard {
    /// Starts the parsing threads; they end with the last clone.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start() -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..THREADS {
            let queue = Arc::clone(&queue);
            let name = format!("sql-parser-{number}");
            thread::Builder::new().name(name).spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Reads what `sql` is and names, or refuses it.
    pub(crate) async fn read(&self, sql: &str) -> Result<Facts, Refusal> {
        if sql.len() <= IN_PLACE || sql.len() > MAX_SQL {
            return read(sql);
        }
        let (reply, answer) = oneshot::channel();
        let job = Job { sql: sql.to_owned(), reply };
        // A thread that is gone refuses like a tree that is not known.
        self.jobs.send(job).map_err(|_gone| Refusal::unknown_tree())?;
        answer.await.map_err(|_gone| Refusal::unknown_tree())?
    }
}

fn work(queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { sql, reply }) = job else { return };
        // A caller that went away needs no answer.
        drop(reply.send(read(&sql)));
    }
}

/// Reads what `sql` is and names, or refuses it, here and now.
pub(crate) fn read(sql: &str) -> Result<Facts, Refusal> {
    if sql.len() > MAX_SQL {
        return Err(Refusal::too_long());
    }
    if sql.contains('\0') {
        return Err(Refusal::nul());
    }
    // The tree's accessors panic where a node is not of the kind that PostgreSQL's headers promise.
    catch_unwind(|| parse(sql)).unwrap_or_else(|_| Err(Refusal::unknown_tree()))
}

fn parse(sql: &str) -> Result<Facts, Refusal> {
    let parsed = pg_raw_parse::parse(sql).map_err(|error| match error {
        pg_raw_parse::Error::Parse(message) => Refusal::syntax(message.to_string()),
        _ => Refusal::unknown_tree(),
    })?;
    let mut statements = parsed.iter();
    match (statements.next(), statements.next()) {
        (Some(statement), None) => walk::walk(statement),
        (None, _) => Err(Refusal::empty()),
        (Some(_), Some(_)) => Err(Refusal::several()),
    }
}

#[cfg(test)]
mod tests;
