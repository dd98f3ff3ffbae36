//! Calls of tools and prompts: the dialogue with their client, and what becomes of a call that takes long.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use mcp_errors::{Error, ErrorKind};
use mcp_limits::ArgumentsHash;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, CreateTaskResult,
        InputResponses, JsonObject, TaskPayload,
    },
    service::RequestContext,
};

use super::Handler;
use crate::{
    BecomesTask, Server, ToolSpec,
    app::App,
    caller::Caller,
    catalog::RegisteredTool,
    dialogue::{Dialogue, Notices, Rounds, Way},
    pipeline::{self, Completed, ConfirmMode, Failed, FittedAnswer, Operation},
    reply,
    tasks::{Announced, Task},
    tool::ToolAnswer,
};

/// What a client sent along with a call that it makes anew.
pub(super) struct Continued {
    pub(super) responses: Option<InputResponses>,
    pub(super) state: Option<String>,
}

/// A call that is being made, wherever it is awaited.
type Work = BoxFuture<'static, Result<CallToolResponse, ErrorData>>;

impl<S: Server> Handler<S> {
    pub(super) async fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut caller = self.caller(&context)?;
        let app = self.app.now();
        let Some(tool) = app.catalog.find_tool(&request.name) else {
            app.recorder.unknown(&caller, "tools/call");
            let message = format!("Unknown tool: {}", app.quote(&request.name));
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = request.arguments.unwrap_or_default();
        let name = tool.spec.kind.name;
        let continued =
            Continued { responses: request.input_responses, state: request.request_state };
        let when = when_task(&tool.spec, || context.client_capabilities())?;
        let gone = context.ct.clone();
        let mut dialogue = self.dialogue(&app, context, &caller);
        let confirms = app.guards.confirm != ConfirmMode::Never;
        if tool.spec.kind.asks || confirms && tool.spec.kind.confirm.is_some() {
            let operation = ("tools/call", name, &arguments);
            dialogue.rounds = Some(app.rounds(&caller, operation, continued)?);
        }
        let Some(when) = when else {
            caller.dialogue = Some(Arc::new(dialogue));
            let ended = run(&app, &caller, tool, arguments).await;
            return reply::tool_response(&app, &caller, ended);
        };
        let deadline = tool.spec.kind.task_deadline;
        let task = app.tasks.begin(caller.principal.key(), (name, when), deadline);
        dialogue.task = Some(Arc::clone(&task));
        let dialogue = Arc::new(dialogue);
        caller.dialogue = Some(Arc::clone(&dialogue));
        caller.task_deadline = Some(deadline);
        // A task keeps its whole result.
        caller.structured = None;
        caller.cancelled = task.cancellation().clone();
        let work = work(Arc::clone(&app), caller.clone(), (name, arguments), Arc::clone(&task));
        let patience = tool.spec.policy.deadline.min(app.guards.deadline);
        tokio::select! {
            biased;
            // Nobody waits any more for what is no task yet: it is dropped.
            () = gone.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
            answered = app.until_task(&caller, (&dialogue, &task), patience, work) => answered,
        }
    }

    /// A call's connection to its client.
    pub(super) fn dialogue(
        &self,
        app: &App<S>,
        context: RequestContext<RoleServer>,
        caller: &Caller,
    ) -> Dialogue {
        let way = match (caller.is_modern(), self.connection.is_one_request()) {
            (true, _) => Way::Rounds,
            (false, false) => Way::Requests,
            (false, true) => Way::Nowhere,
        };
        let level = self.log_level(caller, &context);
        let notices = Notices::new(Arc::clone(&app.guards.sanitizer), S::NAME, level);
        Dialogue::new(context, way, notices, None)
    }
}

/// What a call needs of the application that it began in.
impl<S: Server> App<S> {
    /// Waits for the answer of a call, or for the moment when it becomes a task.
    async fn until_task(
        &self,
        caller: &Caller,
        (dialogue, task): (&Dialogue, &Arc<Task>),
        patience: Duration,
        mut work: Work,
    ) -> Result<CallToolResponse, ErrorData> {
        let moment = async {
            match task.when() {
                BecomesTask::AtOnce => dialogue.admitted().await,
                BecomesTask::AfterMillis(millis) => tokio::select! {
                    () = task.wanted() => {}
                    () = tokio::time::sleep(Duration::from_millis(millis)) => {}
                },
                BecomesTask::OnRequest | BecomesTask::Never => task.wanted().await,
            }
        };
        tokio::select! {
            biased;
            answered = &mut work => return answered,
            () = moment => {}
        }
        match self.tasks.announce(task) {
            Announced::Done => {
                tokio::spawn(work);
                let created = CreateTaskResult::new(task.info().task);
                Ok(created.with_meta(reply::meta(self, caller)).into())
            }
            Announced::Ending => work.await,
            Announced::TooMany if task.when() == BecomesTask::AtOnce => {
                drop(work);
                let retry_after = Duration::from_secs(5);
                let busy = Error::new(
                    ErrorKind::Overloaded { retry_after },
                    "too many tasks of yours are running, wait until one has ended",
                );
                let failed = Failed::new(busy, caller.request_id.as_str());
                reply::tool_response(self, caller, Err(failed))
            }
            // It is answered as if its client knew no tasks.
            Announced::TooMany => tokio::time::timeout(patience, work).await.unwrap_or_else(|_| {
                let late = Error::new(
                    ErrorKind::Timeout,
                    "too many tasks of yours are running, and this call took too long",
                );
                let failed = Failed::new(late, caller.request_id.as_str());
                reply::tool_response(self, caller, Err(failed))
            }),
        }
    }

    /// What was asked and answered before, which counts for this caller, operation and arguments alone.
    pub(super) fn rounds(
        &self,
        caller: &Caller,
        (method, target, arguments): (&'static str, &'static str, &JsonObject),
        continued: Continued,
    ) -> Result<Rounds, ErrorData> {
        let malformed = |problem: &'static str| {
            self.recorder.malformed(caller, method);
            ErrorData::invalid_params(problem, None)
        };
        let hash = ArgumentsHash::of(arguments)
            .map_err(|_unwritable| malformed("the arguments cannot be compared"))?;
        let purpose = format!("{}\0{method}\0{target}\0{}", caller.principal.key(), hash.as_str());
        let sealer = Arc::clone(&self.sealer);
        Rounds::resume(sealer, purpose, continued.state.as_deref(), continued.responses).map_err(
            |_stale| {
                malformed(
                    "`requestState` is not one of this call, or too old: make the call without it",
                )
            },
        )
    }
}

/// When this call may become a task.
///
/// # Errors
/// When it has to, and the client knows no tasks.
fn when_task(
    spec: &ToolSpec,
    client: impl FnOnce() -> Option<ClientCapabilities>,
) -> Result<Option<BecomesTask>, ErrorData> {
    let when = spec.kind.becomes_task;
    if when == BecomesTask::Never {
        return Ok(None);
    }
    let knows_tasks = client().is_some_and(|client| client.supports_tasks());
    if when == BecomesTask::AtOnce && !knows_tasks {
        let required = ClientCapabilities::builder().enable_tasks().build();
        return Err(ErrorData::missing_required_client_capability(required));
    }
    Ok(knows_tasks.then_some(when))
}

async fn run<S: Server>(
    app: &App<S>,
    caller: &Caller,
    tool: &RegisteredTool<S>,
    arguments: JsonObject,
) -> Result<Completed<FittedAnswer>, Failed> {
    let operation: Operation<'_, S, ToolAnswer> = Operation {
        method: "tools/call",
        target: tool.spec.kind.name,
        policy: &tool.spec.policy,
        effect: tool.spec.kind.effect,
        limits: app.guards.of_tool(tool.spec.kind.name),
        audited: tool.spec.kind.audited,
        confirm: tool.spec.kind.confirm,
        arguments,
        prepare: Box::new(|arguments| (tool.prepare)(arguments)),
    };
    pipeline::run(app, caller, operation).await
}

/// A call that owns all it needs, so that it can outlive its request.
fn work<S: Server>(
    app: Arc<App<S>>,
    caller: Caller,
    (name, arguments): (&'static str, JsonObject),
    task: Arc<Task>,
) -> Work {
    async move {
        let Some(tool) = app.catalog.find_tool(name) else {
            return Err(ErrorData::internal_error("the tool is gone", None));
        };
        let ended = run(&app, &caller, tool, arguments).await;
        let fate = ended.as_ref().err().map(|failed| failed.error.kind().clone());
        let fault = ended.as_ref().err().map(reply::protocol_error);
        let response = reply::tool_response(&app, &caller, ended);
        task.end(match (fate, fault) {
            (Some(ErrorKind::Cancelled), _) => TaskPayload::Cancelled,
            // A fault of ours is no result of the tool (SEP-2663).
            (Some(ErrorKind::Internal), Some(fault)) => failed(&fault),
            _ => match &response {
                Ok(CallToolResponse::Complete(result)) => {
                    TaskPayload::Completed { result: object(result) }
                }
                Ok(_) => failed(&ErrorData::internal_error("the task could not be answered", None)),
                Err(fault) => failed(fault),
            },
        });
        response
    }
    .boxed()
}

fn failed(fault: &ErrorData) -> TaskPayload {
    TaskPayload::Failed { error: object(fault) }
}

/// What is an object in JSON, as one.
fn object(value: &impl serde::Serialize) -> JsonObject {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => JsonObject::new(),
    }
}
