//! Calls that outlive their requests (MCP, tasks extension): whose they are, how many there may be, how they end.
//!
//! A task belongs to the principal who made the call. For anybody else there is no such task. Tasks live in the process that
//! runs them and end with it.

mod task;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::BecomesTask;
pub(crate) use task::{Announced, Task};

/// How many tasks of one principal may run.
const RUNNING_PER_PRINCIPAL: usize = 4;

/// How many tasks of one principal are kept, ended ones included; the oldest ended one makes room.
const KEPT_PER_PRINCIPAL: usize = 64;

/// How many tasks are kept in all.
const KEPT: usize = 2_000;

/// How long the result of a task can be fetched.
const RETENTION: Duration = Duration::from_mins(10);

/// How often a client should ask for a task.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The tasks of a process.
#[derive(Debug)]
pub(crate) struct Tasks {
    kept: Mutex<HashMap<String, Arc<Task>>>,
    stopped: CancellationToken,
}

impl Tasks {
    /// No tasks yet; those to come end when `stopped` is triggered.
    pub(crate) fn new(stopped: CancellationToken) -> Self {
        Self { kept: Mutex::default(), stopped }
    }

    /// A call that may become a task. It is not one before it is announced.
    pub(crate) fn begin(
        &self,
        owner: &str,
        tool: (&'static str, BecomesTask),
        deadline: Duration,
    ) -> Arc<Task> {
        Arc::new(Task::new(owner, tool, deadline + RETENTION, self.stopped.child_token()))
    }

    /// Makes `task` one that its owner can ask for.
    pub(crate) fn announce(&self, task: &Arc<Task>) -> Announced {
        let announced = self.admit(task);
        task.decide();
        announced
    }

    fn admit(&self, task: &Arc<Task>) -> Announced {
        let mut kept = self.kept();
        kept.retain(|_, task| !task.is_over());
        let of_owner: Vec<_> = kept.values().filter(|it| it.belongs_to(task.owner())).collect();
        let running = of_owner.iter().filter(|it| !it.is_ended()).count();
        if running >= RUNNING_PER_PRINCIPAL {
            return Announced::TooMany;
        }
        let room = if of_owner.len() >= KEPT_PER_PRINCIPAL {
            let ended = of_owner.into_iter().filter(|it| it.is_ended());
            ended.min_by_key(|it| it.began_at()).map(|it| it.id().to_owned())
        } else {
            None
        };
        if let Some(oldest) = room {
            kept.remove(&oldest);
        }
        if kept.len() >= KEPT {
            return Announced::TooMany;
        }
        let announced = task.announce();
        if announced == Announced::Done {
            kept.insert(task.id().to_owned(), Arc::clone(task));
        }
        announced
    }

    /// The task `id`, if it is `owner`'s.
    pub(crate) fn find(&self, owner: &str, id: &str) -> Option<Arc<Task>> {
        let kept = self.kept();
        let task = kept.get(id).filter(|task| task.belongs_to(owner) && !task.is_over());
        task.cloned()
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Arc<Task>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{JsonObject, TaskPayload};

    use super::*;

    const TOOL: (&str, BecomesTask) = ("query_database", BecomesTask::AtOnce);
    const DEADLINE: Duration = Duration::from_mins(1);

    fn tasks() -> Tasks {
        Tasks::new(CancellationToken::new())
    }

    fn announced(tasks: &Tasks, owner: &str) -> Arc<Task> {
        let task = tasks.begin(owner, TOOL, DEADLINE);
        assert_eq!(tasks.announce(&task), Announced::Done);
        task
    }

    #[test]
    fn a_task_is_there_for_its_owner_alone() {
        let tasks = tasks();
        let task = announced(&tasks, "alice");
        assert!(tasks.find("alice", task.id()).is_some());
        assert!(tasks.find("mallory", task.id()).is_none());
        assert!(tasks.find("alice", "another").is_none());
    }

    #[test]
    fn one_principal_cannot_run_any_number_of_tasks() {
        let tasks = tasks();
        let running: Vec<_> =
            (0..RUNNING_PER_PRINCIPAL).map(|_| announced(&tasks, "alice")).collect();
        let one_more = tasks.begin("alice", TOOL, DEADLINE);
        assert_eq!(tasks.announce(&one_more), Announced::TooMany);
        announced(&tasks, "bob");
        running[0].end(TaskPayload::Completed { result: JsonObject::new() });
        assert_eq!(tasks.announce(&one_more), Announced::Done);
    }

    #[test]
    fn ended_tasks_make_room_for_new_ones() {
        let tasks = tasks();
        let first = announced(&tasks, "alice");
        first.end(TaskPayload::Cancelled);
        for _ in 0..KEPT_PER_PRINCIPAL {
            announced(&tasks, "alice").end(TaskPayload::Cancelled);
        }
        assert!(tasks.find("alice", first.id()).is_none());
        assert_eq!(tasks.kept().len(), KEPT_PER_PRINCIPAL);
    }

    #[tokio::test]
    async fn tasks_end_with_their_process() {
        let stopped = CancellationToken::new();
        let tasks = Tasks::new(stopped.clone());
        let task = announced(&tasks, "alice");
        stopped.cancel();
        task.cancellation().cancelled().await;
    }
}
