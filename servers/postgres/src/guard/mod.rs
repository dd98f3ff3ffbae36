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

/// The longest statement, in bytes. The parser's time grows with the square of a chain of operators.
pub(crate) const MAX_SQL: usize = 32 * 1_024;

/// The stack of a parsing thread. `libpg_query`, the decoder and the tree's `Drop` recurse, and running out of
/// stack ends the process: 16,000 operators, which are 32 kB of text, need 64 MB. Reserved, and touched only
/// when it is needed.
const STACK: usize = 256 * 1_024 * 1_024;

/// One slow parse must not keep everybody waiting.
const THREADS: usize = 4;

struct Job {
    sql: String,
    reply: oneshot::Sender<Result<Facts, Refusal>>,
}

/// Reads statements on threads of its own.
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
            thread::Builder::new().name(name).stack_size(STACK).spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Reads what `sql` is and names, or refuses it.
    pub(crate) async fn read(&self, sql: &str) -> Result<Facts, Refusal> {
        if sql.len() > MAX_SQL {
            return Err(Refusal::too_long());
        }
        if sql.contains('\0') {
            return Err(Refusal::nul());
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
        // The tree is dropped here too, on this stack.
        let read = catch_unwind(|| read(&sql)).unwrap_or_else(|_| Err(Refusal::unknown_tree()));
        // A caller that went away needs no answer.
        drop(reply.send(read));
    }
}

fn read(sql: &str) -> Result<Facts, Refusal> {
    let parsed = pg_query::parse(sql).map_err(|error| match error {
        pg_query::Error::Parse(message) => Refusal::syntax(message),
        _ => Refusal::unknown_tree(),
    })?;
    match parsed.protobuf.stmts.as_slice() {
        [statement] => walk::walk(statement),
        [] => Err(Refusal::empty()),
        _ => Err(Refusal::several()),
    }
}

#[cfg(test)]
mod tests;
