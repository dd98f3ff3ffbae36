//! What a call may say to its client while it runs, and what it may ask of it.

mod notice;
mod question;
mod rounds;

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_errors::{Error, ErrorKind, Result};
use rmcp::{
    RoleServer,
    model::{ClientCapabilities, ClientResult, InputRequest, InputRequests, ServerRequest},
    service::{PeerRequestOptions, RequestContext, ServiceError},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use notice::LogLevel;
pub(crate) use notice::Notices;
pub use question::{Ability, Answer, Answers, Question};
pub(crate) use rounds::Rounds;

use crate::{BecomesTask, tasks::Task};

/// Under which name a confirmation is asked for.
const CONFIRMATION: &str = "confirmation";

/// How questions reach a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The call ends with them and is repeated with the answers: 2026-07-28.
    Rounds,
    /// As requests of ours on the stream of the call: sessions and stdio before 2026-07-28.
    Requests,
    /// Not at all: one legacy request, without a stream for ours.
    Nowhere,
}

/// Why a call could not go on.
#[derive(Debug)]
pub(crate) enum Interruption {
    /// Its client has to answer these first.
    Asks(InputRequests),
    /// Its client cannot be asked: it would have to declare these capabilities.
    Lacks(ClientCapabilities),
}

/// One call's connection to its client.
#[derive(Debug)]
pub(crate) struct Dialogue {
    pub(crate) context: RequestContext<RoleServer>,
    pub(crate) notices: Notices,
    way: Way,
    /// `None` where the operation was not specified as one that asks.
    pub(crate) rounds: Option<Rounds>,
    /// What the call becomes when it outlives its request.
    pub(crate) task: Option<Arc<Task>>,
    interruption: Mutex<Option<Interruption>>,
    interrupted: CancellationToken,
    admitted: CancellationToken,
}

impl Dialogue {
    pub(crate) fn new(
        context: RequestContext<RoleServer>,
        way: Way,
        notices: Notices,
        rounds: Option<Rounds>,
    ) -> Self {
        let (interrupted, admitted) = Default::default();
        let interruption = Mutex::default();
        Self { context, notices, way, rounds, task: None, interruption, interrupted, admitted }
    }

    /// Whether the client can be asked for that.
    pub(crate) fn can(&self, ability: Ability) -> bool {
        let declares = |client: ClientCapabilities| ability.of(&client);
        self.way != Way::Nowhere && self.context.client_capabilities().is_some_and(declares)
    }

    /// Asks, and waits for the answers. Where the client has to repeat the call this never returns: the call is dropped.
    pub(crate) async fn ask(
        &self,
        questions: BTreeMap<String, Question>,
        patience: Duration,
    ) -> Result<Answers> {
        let Some(rounds) = &self.rounds else {
            return Err(Error::internal("an operation asks and is not specified with `asks()`"));
        };
        let needed = questions.values().map(Question::needs);
        let lacking: Vec<_> = needed.filter(|ability| !self.can(*ability)).collect();
        if !lacking.is_empty() {
            return self.interrupt(Interruption::Lacks(question::required(lacking))).await;
        }
        if let Some(waiting) = self.task.as_ref().and_then(|task| task.ask(&questions)) {
            return waiting.await;
        }
        match self.way {
            Way::Requests => self.request(questions, patience).await,
            Way::Rounds | Way::Nowhere => match rounds.answers(&questions) {
                Ok(answers) => Ok(answers),
                Err(open) => self.interrupt(Interruption::Asks(open)).await,
            },
        }
    }

    /// Asks whether the call may be made. An answer counts where the question was put for this very call.
    pub(crate) async fn confirm(&self, question: Question, patience: Duration) -> Result<Answer> {
        let was_asked = self.rounds.as_ref().is_some_and(|rounds| rounds.was_asked(CONFIRMATION));
        if self.way == Way::Rounds && !was_asked && self.can(question.needs()) {
            let open = InputRequests::from([(CONFIRMATION.to_owned(), question.request())]);
            return self.interrupt(Interruption::Asks(open)).await;
        }
        let questions = BTreeMap::from([(CONFIRMATION.to_owned(), question)]);
        let mut answers = self.ask(questions, patience).await?;
        Ok(answers.remove(CONFIRMATION).unwrap_or(Answer::Dismissed))
    }

    /// The name of a conversation over several calls, where this call is part of one.
    pub(crate) fn conversation(&self) -> Option<&str> {
        self.rounds.as_ref().filter(|_| self.way == Way::Rounds).map(Rounds::id)
    }

    /// Puts the questions as requests, one after the other: a person reads one at a time.
    async fn request(
        &self,
        questions: BTreeMap<String, Question>,
        patience: Duration,
    ) -> Result<Answers> {
        let mut answers = Answers::new();
        for (key, question) in questions {
            let said = self.put(question.0.clone(), patience).await?;
            let answer = question.answer(&said).ok_or_else(|| {
                Error::new(ErrorKind::Cancelled, "the client's answer does not fit the question")
            })?;
            answers.insert(key, answer);
        }
        Ok(answers)
    }

    async fn put(&self, request: InputRequest, patience: Duration) -> Result<Value> {
        let unanswered =
            || Error::new(ErrorKind::Cancelled, "the client gave no answer, nothing was done");
        let request = match request {
            InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
            InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
            InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
            _ => return Err(Error::internal("no such question")),
        };
        let mut options = PeerRequestOptions::default();
        options.timeout = Some(patience);
        let sent = self.context.peer.send_request_with_option(request, options).await;
        let answered = match sent {
            Ok(handle) => handle.await_response().await,
            Err(error) => Err(error),
        };
        let answered =
            answered.map_err(|error: ServiceError| unanswered().with_source(error.to_string()))?;
        let said = match answered {
            ClientResult::CreateMessageResult(result) => serde_json::to_value(result),
            ClientResult::ListRootsResult(result) => serde_json::to_value(result),
            ClientResult::ElicitResult(result) => serde_json::to_value(result),
            ClientResult::CustomResult(result) => Ok(result.0),
            _ => return Err(unanswered()),
        };
        said.map_err(Error::internal)
    }

    async fn interrupt<T>(&self, interruption: Interruption) -> T {
        if let Some(task) = &self.task {
            task.stay_inline();
        }
        *self.interruption.lock().unwrap_or_else(PoisonError::into_inner) = Some(interruption);
        self.interrupted.cancel();
        pending().await
    }

    /// Runs `call` until it ends or asks what its client has to answer first. Then it is dropped where it waits.
    pub(crate) async fn until_interrupted<T>(
        &self,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            () = self.interrupted.cancelled() => Err(self.interruption_error()),
            ended = call => ended,
        }
    }

    fn interruption_error(&self) -> Error {
        match &*self.interruption.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Interruption::Lacks(required)) => {
                let abilities = [Ability::Forms, Ability::Sampling, Ability::Roots];
                let lacking = abilities.into_iter().filter(|ability| ability.of(required));
                let lacking: Vec<_> = lacking.map(Ability::name).collect();
                let message = format!(
                    "the client has to be asked first and cannot be: it offers no {}",
                    lacking.join(", ")
                );
                Error::new(ErrorKind::Forbidden { scopes: Vec::new() }, message)
            }
            _ => Error::new(ErrorKind::InputRequired, "the client has to answer first"),
        }
    }

    /// Why the call could not go on, once.
    pub(crate) fn take_interruption(&self) -> Option<Interruption> {
        self.interruption.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Every guard before the domain has let the call through. What is a task at once waits until it is one.
    pub(crate) async fn admit(&self) {
        self.admitted.cancel();
        if let Some(task) = self.task.as_ref().filter(|it| it.when() == BecomesTask::AtOnce) {
            task.decided().await;
        }
    }

    pub(crate) async fn admitted(&self) {
        self.admitted.cancelled().await;
    }
}
