//! The one way through: every operation of every transport passes these steps, in this order.
//!
//! ```text
//! find → authorize scopes → quota → idempotency key → validate input → owners' hook → confirmation
//!      → concurrency permit → deadline + cancellation → exactly once → DOMAIN CALL
//!      → sanitize → budget → change notices → owners' hook → audit → metrics + span → result
//! ```
//!
//! Finding the tool, resource or prompt is the handler's part: what is not registered has no policy, so
//! there is nothing to run. Everything after it is here and nowhere else.

mod admission;
mod answer;
mod confirmation;
mod guards;
mod hooked;
mod outcome;
mod panics;

use std::{pin::pin, sync::Arc, time::Instant};

use futures::{FutureExt, future::BoxFuture};
use mcp_errors::Result;
use mcp_limits::ArgumentsHash;
use rmcp::model::JsonObject;
use tracing::Instrument;

pub(crate) use answer::{Answer, FittedAnswer, FittedBody};
pub(crate) use confirmation::ConfirmMode;
#[cfg(feature = "http")]
pub(crate) use guards::quota;
pub(crate) use guards::{Guards, ToolLimits};
pub(crate) use outcome::{Completed, Failed, Provenance};
pub(crate) use panics::catching_panic;

use crate::{
    CallContext, Policy, Server, SideEffect, Write, app::App, caller::Caller, hooks::CallInfo,
    recorder::Record, tool::Prepared,
};
use confirmation::Confirmation;

/// One operation, found and not yet admitted.
pub(crate) struct Operation<'a, S, A> {
    pub(crate) method: &'static str,
    /// The registered name: never text from outside.
    pub(crate) target: &'static str,
    pub(crate) policy: &'a Policy,
    pub(crate) effect: SideEffect,
    /// What a deployment tightened for this tool alone.
    pub(crate) limits: Option<&'a ToolLimits>,
    /// Arguments that the audit log may show.
    pub(crate) audited: &'static [&'static str],
    /// What a person is asked first.
    pub(crate) confirm: Option<&'static str>,
    pub(crate) arguments: JsonObject,
    /// Checks the arguments and binds them to the domain's code.
    pub(crate) prepare: Box<dyn FnOnce(JsonObject) -> Result<Prepared<S, A>> + Send + 'a>,
}

/// One operation that every guard before the domain let through.
struct Admitted<'a, S, A> {
    policy: &'a Policy,
    effect: SideEffect,
    limits: Option<&'a ToolLimits>,
    write: Option<Write>,
    /// Whether the caller gave the key of the write.
    is_keyed: bool,
    confirmation: Option<Confirmation>,
    /// The arguments of a write that a confirmation may give a key.
    arguments: Option<ArgumentsHash>,
    call: Prepared<S, A>,
}

/// Takes an operation through every step and records how it ended.
///
/// On the heap, since the SDK moves the future of a request several times before it first runs, and this one has the
/// domain's inside of it.
pub(crate) fn run<'a, S: Server, A: Answer>(
    app: &'a App<S>,
    caller: &'a Caller,
    operation: Operation<'a, S, A>,
) -> BoxFuture<'a, Result<Completed<A::Fitted>, Failed>> {
    steps(app, caller, operation).boxed()
}

async fn steps<S: Server, A: Answer>(
    app: &App<S>,
    caller: &Caller,
    operation: Operation<'_, S, A>,
) -> Result<Completed<A::Fitted>, Failed> {
    let mut record = app.recorder.begin(caller, &operation);
    let info = CallInfo {
        method: operation.method,
        target: operation.target,
        principal: &caller.principal,
        request_id: caller.request_id.as_str(),
    };
    let span = record.span();
    // Around everything: the domain's checks of its arguments may panic, too. Pinned where it is: whoever takes a future
    // by value has room for it twice, and this one would be copied with every layer around it.
    let ended = panics::catching_panics(pin!(async {
        let mut admitted = admit(app, caller, operation, &mut record).await?;
        record.ready().await?;
        hooked::before(app.server.hooks(), &info)?;
        if let Some(dialogue) = &caller.dialogue {
            dialogue.admit().await;
        }
        confirm(caller, &mut admitted).await?;
        let started = Instant::now();
        let ended = perform(app, caller, admitted).await;
        hooked::after(app.server.hooks(), &info, ended, started.elapsed())
    }))
    .instrument(span)
    .await;
    // A write whose record cannot be kept is not acknowledged: the audit log fails closed.
    record.finish(ended).await.map_err(|error| Failed::new(error, caller.request_id.as_str()))
}

/// Everything that can refuse before anything is done. Nothing here waits but for what replicas share.
async fn admit<'a, S: Server, A: Answer>(
    app: &App<S>,
    caller: &Caller,
    mut operation: Operation<'a, S, A>,
    record: &mut Record<'_>,
) -> Result<Admitted<'a, S, A>> {
    admission::authorize(caller, operation.policy)?;
    app.guards.take_quota(caller, operation.effect, operation.limits).await?;
    let write = admission::take_write_key(app.guards.idempotency, caller, &mut operation)?;
    record.arguments(&operation.arguments, operation.audited);
    let (target, guards) = ((operation.target, operation.confirm), &app.guards);
    let confirmation =
        Confirmation::of(guards.confirm, target, &operation.arguments, &guards.sanitizer)?;
    let asks = confirmation.as_ref().map(|_| ArgumentsHash::of(&operation.arguments));
    let arguments = asks.transpose()?;
    let call = (operation.prepare)(operation.arguments)?;
    let Operation { policy, effect, limits, .. } = operation;
    let is_keyed = write.is_some();
    Ok(Admitted { policy, effect, limits, write, is_keyed, confirmation, arguments, call })
}

/// Asks where that is specified. What was agreed to once is done once, however often the answer comes.
async fn confirm<S, A>(caller: &Caller, admitted: &mut Admitted<'_, S, A>) -> Result<()> {
    let Some(confirmation) = admitted.confirmation.take() else { return Ok(()) };
    // On the heap, since hardly any call comes here and every call has room for it.
    let agreed = confirmation.ask(caller).boxed().await?;
    if let (None, Some(key), Some(arguments)) = (&admitted.write, agreed, admitted.arguments.take())
    {
        admitted.write = Some(Write { key, arguments });
    }
    Ok(())
}

/// The domain's code, bounded before and cleaned after.
async fn perform<S: Server, A: Answer>(
    app: &App<S>,
    caller: &Caller,
    admitted: Admitted<'_, S, A>,
) -> Result<Completed<A::Fitted>> {
    let Admitted { policy, effect, limits, write, is_keyed, call, .. } = admitted;
    let deadline = policy.deadline.min(app.guards.deadline);
    // A task has a time of its own: nobody's request waits for it.
    let deadline = caller.task_deadline.unwrap_or(deadline);
    let (principal, request_id) = (caller.principal.clone(), caller.request_id.to_string());
    let context =
        CallContext::new(principal, request_id, write.clone(), deadline, caller.dialogue.clone());
    let (answer, replayed) = mcp_limits::within(
        deadline,
        &caller.cancelled,
        pin!(async {
            let queued = app.recorder.metrics().queued();
            let _permit = app.guards.permit(caller, limits).await?;
            drop(queued);
            let _in_flight = app.recorder.metrics().in_flight();
            let call = panics::catching_panics(call(Arc::clone(&app.server), context.clone()));
            match &caller.dialogue {
                Some(dialogue) => once(app, write, dialogue.until_interrupted(call)).await,
                None => once(app, write, call).await,
            }
        }),
    )
    .await?;
    let (answer, mut provenance) = app.guards.clean(answer, policy, S::NAME).await?;
    let exact = context.take_sources();
    if let Some(provenance) = provenance.as_mut().filter(|_| !exact.is_empty()) {
        provenance.sources = exact.into_iter().map(Into::into).collect();
    }
    let answer = answer.fit(policy.budget)?;
    app.changes.publish(context.take_changes());
    let deduplicated = match (effect.writes(), is_keyed) {
        (true, _) if replayed => Some(true),
        (true, false) => Some(false),
        _ => None,
    };
    let (freshness, annotations) = (context.freshness(), JsonObject::new());
    Ok(Completed { answer, provenance, deduplicated, freshness, annotations })
}

/// Makes a keyed write happen exactly once; everything else just happens.
async fn once<S: Server, A: Answer>(
    app: &App<S>,
    write: Option<Write>,
    call: impl Future<Output = Result<A>> + Send,
) -> Result<(A, bool)> {
    let Some(Write { key, arguments }) = write else {
        return Ok((call.await?, false));
    };
    let store = app.server.idempotency().unwrap_or(&*app.guards.results);
    let mut answered = None;
    let recorded = async {
        let mut answer = call.await?;
        let record = answer.to_record()?;
        answered = Some(answer);
        Ok(record)
    };
    let outcome = app.guards.once.run(store, key, arguments, recorded).await?;
    match answered {
        Some(answer) if !outcome.replayed => Ok((answer, false)),
        _ => Ok((A::from_record(outcome.value)?, true)),
    }
}
