//! What a tool may know about the call it serves.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use mcp_auth::Principal;
use mcp_errors::{Error, Result};
use mcp_limits::{ArgumentsHash, Freshness, WriteKey};

use crate::{Ability, Answers, LogLevel, Question, changes::Change, dialogue::Dialogue};

/// How often a client is told that work goes on.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// One call: who makes it, under which id, and what it changed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallContext {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    principal: Principal,
    request_id: String,
    write: Option<Write>,
    ends_at: Instant,
    changes: Mutex<Vec<Change>>,
    freshness: Mutex<Option<Freshness>>,
    sources: Mutex<Vec<String>>,
    /// How many parts of the work are done.
    steps: AtomicU32,
    dialogue: Option<Arc<Dialogue>>,
}

/// The identity of a keyed write: a store that records it in the transaction of the write makes the write
/// happen exactly once.
#[derive(Clone, Debug)]
pub struct Write {
    /// Principal, tool and the caller's key in one.
    pub key: WriteKey,
    /// The arguments, so that the same key with others is a conflict.
    pub arguments: ArgumentsHash,
}

impl CallContext {
    /// A call that is cut off after `deadline`.
    pub(crate) fn new(
        principal: Principal,
        request_id: String,
        write: Option<Write>,
        deadline: Duration,
        dialogue: Option<Arc<Dialogue>>,
    ) -> Self {
        let ends_at = Instant::now() + deadline;
        let (changes, freshness, sources, steps) = Default::default();
        let inner = Inner {
            principal,
            request_id,
            write,
            ends_at,
            changes,
            freshness,
            sources,
            steps,
            dialogue,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The verified caller.
    pub fn principal(&self) -> &Principal {
        &self.inner.principal
    }

    /// The id under which logs, audit and the client know this call.
    pub fn request_id(&self) -> &str {
        &self.inner.request_id
    }

    /// The identity of this write, when the caller gave an `idempotency_key`.
    pub fn write(&self) -> Option<&Write> {
        self.inner.write.as_ref()
    }

    /// How long the call may still take before it is cut off.
    pub fn remaining(&self) -> Duration {
        self.inner.ends_at.saturating_duration_since(Instant::now())
    }

    /// Whether the client of this call can be asked for that.
    pub fn can_ask(&self, ability: Ability) -> bool {
        self.inner.dialogue.as_ref().is_some_and(|dialogue| dialogue.can(ability))
    }

    /// Asks the client, and waits for its answers, one under each key.
    ///
    /// A client of 2026-07-28 is asked by ending the call: it is made anew with the answers. So ask before anything is
    /// done; what stands before this line runs again. The operation must be specified with `asks()`.
    ///
    /// # Errors
    /// When the client gives no answer, or the operation was not specified as one that asks. A client that cannot be asked
    /// ends the call.
    pub async fn ask(
        &self,
        questions: impl IntoIterator<Item = (&str, Question)> + Send,
    ) -> Result<Answers> {
        let Some(dialogue) = &self.inner.dialogue else {
            return Err(Error::internal("nobody can be asked here"));
        };
        let questions = questions.into_iter().map(|(key, question)| (key.to_owned(), question));
        dialogue.ask(questions.collect(), self.remaining()).await
    }

    /// Tells how much of the work is done, where the client wants to know, in any unit that grows.
    pub async fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        let Some(dialogue) = &self.inner.dialogue else { return };
        if let Some(task) = &dialogue.task {
            task.say(dialogue.notices.text(message));
        }
        dialogue.notices.progress(&dialogue.context, (done, total), message).await;
    }

    /// Waits for `work`, and tells every second that it goes on, where the client wants to know.
    pub async fn tell_while<T>(&self, message: &str, work: impl Future<Output = T> + Send) -> T {
        let mut work = std::pin::pin!(work);
        let started = Instant::now();
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(TELL_EVERY) => {
                    self.progress(started.elapsed().as_secs_f64(), None, message).await;
                }
            }
        }
    }

    /// Waits for one part of the work, of which there are several, and tells that one more is done, where the client wants to
    /// know: a page of an upstream's list, say.
    pub async fn step<T>(&self, message: &str, work: impl Future<Output = T> + Send) -> T {
        let done = work.await;
        let steps = self.inner.steps.fetch_add(1, Ordering::Relaxed) + 1;
        self.progress(f64::from(steps), None, message).await;
        done
    }

    /// Whether the call may outlive its request, and so take as long as a task may.
    pub fn may_become_task(&self) -> bool {
        self.inner.dialogue.as_ref().is_some_and(|dialogue| dialogue.task.is_some())
    }

    /// Tells the client what happens, where it wants to know. The server declares [`crate::Features::logging`].
    pub async fn log(&self, level: LogLevel, message: &str) {
        if let Some(dialogue) = &self.inner.dialogue {
            dialogue.notices.log(&dialogue.context, level, message).await;
        }
    }

    /// Lets the call go on without its request, for a client that knows tasks and a tool that is specified so.
    pub async fn continue_as_task(&self) {
        if let Some(task) = self.inner.dialogue.as_ref().and_then(|dialogue| dialogue.task.as_ref())
        {
            task.want().await;
        }
    }

    /// Tells the client whether the answer was kept from earlier; the last word counts.
    pub fn cached(&self, freshness: Freshness) {
        *self.inner.freshness.lock().unwrap_or_else(PoisonError::into_inner) = Some(freshness);
    }

    pub(crate) fn freshness(&self) -> Option<Freshness> {
        *self.inner.freshness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whence the outside text of this answer is, more exactly than the specification can: `github:octo/repo#12`.
    pub fn source(&self, label: impl Into<String>) {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).push(label.into());
    }

    pub(crate) fn take_sources(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells subscribers of `uri`, once the call has succeeded.
    pub fn resource_changed(&self, uri: impl Into<String>) {
        self.push(Change::Updated(uri.into()));
    }

    /// Tells subscribers that resources came or went, once the call has succeeded.
    pub fn resource_list_changed(&self) {
        self.push(Change::ListChanged);
    }

    /// Tells subscribers that tools came or went, once the call has succeeded.
    pub fn tool_list_changed(&self) {
        self.push(Change::ToolsChanged);
    }

    /// Tells subscribers that prompts came or went, once the call has succeeded.
    pub fn prompt_list_changed(&self) {
        self.push(Change::PromptsChanged);
    }

    fn push(&self, change: Change) {
        self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }

    pub(crate) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
