//! One task: where it stands, what it waits for, how it ended.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use mcp_errors::{Error, ErrorKind, Result};
use rmcp::model::{DetailedTask, Task as TaskInfo, TaskPayload, TaskStatus};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::POLL_INTERVAL;
use crate::{
    BecomesTask,
    dialogue::{Answer, Answers, Question},
};

/// A call that is, or may become, a task.
#[derive(Debug)]
pub(crate) struct Task {
    id: String,
    owner: String,
    tool: &'static str,
    when: BecomesTask,
    began_at: DateTime<Utc>,
    ttl: Duration,
    cancelled: CancellationToken,
    /// Set when the call itself asks to go on as a task.
    wanted: CancellationToken,
    /// Set when it is known whether it does.
    decided: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    updated_at: DateTime<Utc>,
    message: Option<String>,
    pending: BTreeMap<String, Pending>,
}

#[derive(Debug)]
enum Phase {
    /// Its client waits for the answer of the request.
    Inline,
    /// It asked its client before it was a task, and ends with the questions.
    Asking,
    /// Its client knows it.
    Running,
    Ended(TaskPayload),
}

#[derive(Debug)]
struct Pending {
    question: Question,
    answer: oneshot::Sender<Answer>,
}

/// What became of a call that was to be a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// It is one.
    Done,
    /// Its owner has too many.
    TooMany,
    /// It is about to end by itself.
    Ending,
}

impl Task {
    pub(super) fn new(
        owner: &str,
        (tool, when): (&'static str, BecomesTask),
        ttl: Duration,
        cancelled: CancellationToken,
    ) -> Self {
        let now = Utc::now();
        let (message, pending) = Default::default();
        let state = State { phase: Phase::Inline, updated_at: now, message, pending };
        Self {
            // Not to be guessed, although a foreign one is of no use.
            id: Uuid::new_v4().to_string(),
            owner: owner.to_owned(),
            tool,
            when,
            began_at: now,
            ttl,
            cancelled,
            wanted: CancellationToken::new(),
            decided: CancellationToken::new(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// The tool whose policy holds for everything that is asked about the task.
    pub(crate) fn tool(&self) -> &'static str {
        self.tool
    }

    /// When it becomes one.
    pub(crate) fn when(&self) -> BecomesTask {
        self.when
    }

    pub(super) fn began_at(&self) -> DateTime<Utc> {
        self.began_at
    }

    pub(super) fn belongs_to(&self, owner: &str) -> bool {
        self.owner == owner
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.state().phase, Phase::Ended(_))
    }

    /// Whether its time to live is over.
    pub(super) fn is_over(&self) -> bool {
        (Utc::now() - self.began_at).to_std().is_ok_and(|age| age > self.ttl)
    }

    pub(crate) fn cancellation(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Asks to go on as a task, and waits until that is decided.
    pub(crate) async fn want(&self) {
        self.wanted.cancel();
        self.decided().await;
    }

    pub(crate) async fn decided(&self) {
        self.decided.cancelled().await;
    }

    /// Lets a call go on that asked to be a task.
    pub(super) fn decide(&self) {
        self.decided.cancel();
    }

    pub(crate) async fn wanted(&self) {
        self.wanted.cancelled().await;
    }

    pub(super) fn announce(&self) -> Announced {
        let mut state = self.state();
        match state.phase {
            Phase::Inline => {
                state.phase = Phase::Running;
                Announced::Done
            }
            _ => Announced::Ending,
        }
    }

    /// Says where the task stands, in words.
    pub(crate) fn say(&self, message: String) {
        let mut state = self.state();
        state.message = Some(message);
        state.updated_at = Utc::now();
    }

    /// Parks the task until its client has answered; `None` where the call is no task yet.
    pub(crate) fn ask(
        &self,
        questions: &BTreeMap<String, Question>,
    ) -> Option<impl Future<Output = Result<Answers>> + use<>> {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Running) {
            return None;
        }
        let mut waiting = Vec::new();
        for (key, question) in questions {
            let (answer, answered) = oneshot::channel();
            state.pending.insert(key.clone(), Pending { question: question.clone(), answer });
            waiting.push((key.clone(), answered));
        }
        state.updated_at = Utc::now();
        Some(async move {
            let mut answers = Answers::new();
            for (key, answered) in waiting {
                let gone = |_closed| Error::new(ErrorKind::Cancelled, "the task was withdrawn");
                answers.insert(key, answered.await.map_err(gone)?);
            }
            Ok(answers)
        })
    }

    /// Ends with questions instead of becoming a task.
    pub(crate) fn stay_inline(&self) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Inline) {
            state.phase = Phase::Asking;
        }
    }

    /// Takes answers; what was not asked, or does not fit, is passed over (SEP-2663).
    pub(crate) fn answer(&self, responses: impl IntoIterator<Item = (String, Value)>) {
        let mut state = self.state();
        for (key, said) in responses {
            let pending = state.pending.get(&key);
            let Some(answer) = pending.and_then(|it| it.question.answer(&said)) else { continue };
            if let Some(pending) = state.pending.remove(&key) {
                // The call may have been dropped meanwhile.
                drop(pending.answer.send(answer));
            }
        }
        state.updated_at = Utc::now();
    }

    /// Keeps how it ended, once.
    pub(crate) fn end(&self, payload: TaskPayload) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Ended(_)) {
            state.phase = Phase::Ended(payload);
            state.pending.clear();
            state.updated_at = Utc::now();
        }
    }

    /// What its owner is told.
    pub(crate) fn info(&self) -> DetailedTask {
        let state = self.state();
        let payload = match &state.phase {
            Phase::Ended(payload) => payload.clone(),
            _ if state.pending.is_empty() => TaskPayload::Working,
            _ => TaskPayload::InputRequired {
                input_requests: state
                    .pending
                    .iter()
                    .map(|(key, pending)| (key.clone(), pending.question.request()))
                    .collect(),
            },
        };
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let (began, updated) = (time(self.began_at), time(state.updated_at));
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut info = TaskInfo::new(self.id.as_str(), TaskStatus::Working, began, updated)
            .with_ttl_ms(millis(self.ttl))
            .with_poll_interval_ms(millis(POLL_INTERVAL));
        info.status_message.clone_from(&state.message);
        DetailedTask::new(info, payload)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::JsonObject;
    use serde_json::json;

    use super::*;

    fn task() -> Task {
        Task::new(
            "alice",
            ("slow", BecomesTask::AtOnce),
            Duration::from_mins(1),
            CancellationToken::new(),
        )
    }

    fn questions(keys: &[&str]) -> BTreeMap<String, Question> {
        keys.iter().map(|key| ((*key).to_owned(), Question::roots())).collect()
    }

    fn said(key: &str) -> [(String, Value); 1] {
        [(key.to_owned(), json!({ "roots": [] }))]
    }

    #[tokio::test]
    async fn a_task_waits_until_every_question_is_answered() {
        let task = task();
        assert_eq!(task.announce(), Announced::Done);
        let waiting = task.ask(&questions(&["one", "two"])).unwrap();
        task.answer(said("one"));
        task.answer(said("three"));
        task.answer([("two".to_owned(), json!(7))]);
        let TaskPayload::InputRequired { input_requests } = task.info().payload else { panic!() };
        assert_eq!(input_requests.keys().collect::<Vec<_>>(), ["two"]);
        task.answer(said("two"));
        assert_eq!(task.info().payload, TaskPayload::Working);
        assert_eq!(waiting.await.unwrap().len(), 2);
    }

    #[test]
    fn a_call_that_asks_first_does_not_become_a_task_meanwhile() {
        let task = task();
        assert!(task.ask(&questions(&["one"])).is_none());
        task.stay_inline();
        assert_eq!(task.announce(), Announced::Ending);
    }

    #[tokio::test]
    async fn the_first_end_counts_and_nothing_is_asked_after_it() {
        let task = task();
        task.announce();
        let waiting = task.ask(&questions(&["one"])).unwrap();
        task.end(TaskPayload::Cancelled);
        task.end(TaskPayload::Completed { result: JsonObject::new() });
        assert_eq!(task.info().payload, TaskPayload::Cancelled);
        assert_eq!(*waiting.await.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
