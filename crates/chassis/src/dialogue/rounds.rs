//! Questions of the stateless protocol: a call ends with them and is repeated with the answers (MCP, multi-round-trip
//! requests). What was asked and answered before travels with the client, sealed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::Utc;
use mcp_errors::Result;
use mcp_telemetry::trace::RequestId;
use rmcp::model::{InputRequests, InputResponses};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answers, Question};
use crate::seal::Sealer;

/// How long a question may be answered, in seconds.
const ANSWERED_WITHIN: i64 = 600;

/// What a client sent along with a call, and what was sealed for it.
#[derive(Debug)]
pub(crate) struct Rounds {
    sealer: Arc<Sealer>,
    /// Principal, operation and arguments: the answers count for nothing else.
    purpose: String,
    state: State,
    /// Whether the client gave a state of ours back.
    is_continued: bool,
}

/// What goes through the client's hands.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// Names this one conversation.
    id: String,
    expires: i64,
    asked: BTreeSet<String>,
    answers: BTreeMap<String, Value>,
}

/// A state that is not ours, not for this call, or too old.
#[derive(Debug)]
pub(crate) struct Stale;

impl Rounds {
    /// Takes up a conversation where `given_back` says it is, or begins one.
    pub(crate) fn resume(
        sealer: Arc<Sealer>,
        purpose: String,
        given_back: Option<&str>,
        responses: Option<InputResponses>,
    ) -> Result<Self, Stale> {
        let mut state = match given_back {
            Some(text) => opened(&sealer, &purpose, text).ok_or(Stale)?,
            None => State {
                id: RequestId::generate().to_string(),
                expires: 0,
                asked: BTreeSet::new(),
                answers: BTreeMap::new(),
            },
        };
        // What was answered before stays: a later round cannot change it.
        for (key, said) in responses.into_iter().flatten() {
            state.answers.entry(key).or_insert(said);
        }
        Ok(Self { sealer, purpose, state, is_continued: given_back.is_some() })
    }

    /// The answers to `questions`, or those that are still open.
    pub(super) fn answers(
        &self,
        questions: &BTreeMap<String, Question>,
    ) -> Result<Answers, InputRequests> {
        let mut answers = Answers::new();
        let mut open = InputRequests::new();
        for (key, question) in questions {
            let said = self.state.answers.get(key);
            match said.and_then(|said| question.answer(said)) {
                Some(answer) => drop(answers.insert(key.clone(), answer)),
                None => drop(open.insert(key.clone(), question.0.clone())),
            }
        }
        if open.is_empty() { Ok(answers) } else { Err(open) }
    }

    /// Whether `key` was asked in an earlier round, in this very conversation.
    pub(crate) fn was_asked(&self, key: &str) -> bool {
        self.is_continued && self.state.asked.contains(key)
    }

    /// The name of this conversation, which its client cannot choose.
    pub(crate) fn id(&self) -> &str {
        &self.state.id
    }

    /// What the client has to give back with the answers to `open`.
    pub(crate) fn sealed(&self, open: &InputRequests) -> Result<String> {
        let asked = self.state.asked.iter().chain(open.keys()).cloned().collect();
        let answered = self.state.answers.iter().filter(|(key, _)| self.state.asked.contains(*key));
        let state = State {
            id: self.state.id.clone(),
            expires: Utc::now().timestamp() + ANSWERED_WITHIN,
            asked,
            answers: answered
                .filter(|(key, _)| !open.contains_key(*key))
                .map(|(key, said)| (key.clone(), said.clone()))
                .collect(),
        };
        let text = serde_json::to_vec(&state).map_err(mcp_errors::Error::internal)?;
        self.sealer.seal(&self.purpose, &text)
    }
}

fn opened(sealer: &Sealer, purpose: &str, given_back: &str) -> Option<State> {
    let state: State = serde_json::from_slice(&sealer.open(purpose, given_back)?).ok()?;
    (state.expires > Utc::now().timestamp()).then_some(state)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(keys: &[&str]) -> BTreeMap<String, Question> {
        keys.iter().map(|key| ((*key).to_owned(), Question::roots())).collect()
    }

    fn resume(
        sealer: &Arc<Sealer>,
        purpose: &str,
        state: Option<&str>,
        key: &str,
    ) -> Result<Rounds, Stale> {
        let responses = InputResponses::from([(key.to_owned(), json!({ "roots": [] }))]);
        Rounds::resume(Arc::clone(sealer), purpose.to_owned(), state, Some(responses))
    }

    #[test]
    fn answers_of_earlier_rounds_come_back_with_the_state() {
        let sealer = Arc::new(Sealer::random().unwrap());
        let first = Rounds::resume(Arc::clone(&sealer), "p".to_owned(), None, None).unwrap();
        let open = first.answers(&asked(&["one"])).unwrap_err();
        let state = first.sealed(&open).unwrap();

        let second = resume(&sealer, "p", Some(&state), "one").unwrap();
        assert!(second.was_asked("one") && !second.was_asked("two"));
        assert_eq!(second.id(), first.id());
        let open = second.answers(&asked(&["one", "two"])).unwrap_err();
        assert_eq!(open.keys().collect::<Vec<_>>(), ["two"]);
        let state = second.sealed(&open).unwrap();

        let third = resume(&sealer, "p", Some(&state), "two").unwrap();
        assert_eq!(third.answers(&asked(&["one", "two"])).unwrap().len(), 2);
    }

    #[test]
    fn a_state_counts_for_its_own_call_alone() {
        let sealer = Arc::new(Sealer::random().unwrap());
        let first =
            Rounds::resume(Arc::clone(&sealer), "close T-1".to_owned(), None, None).unwrap();
        let state = first.sealed(&first.answers(&asked(&["sure"])).unwrap_err()).unwrap();
        assert!(resume(&sealer, "close T-2", Some(&state), "sure").is_err());
        assert!(
            resume(&Arc::new(Sealer::random().unwrap()), "close T-1", Some(&state), "sure")
                .is_err()
        );
    }

    #[test]
    fn an_answer_without_the_state_was_not_asked_for() {
        let sealer = Arc::new(Sealer::random().unwrap());
        let rounds = resume(&sealer, "p", None, "sure").unwrap();
        assert!(!rounds.was_asked("sure"));
        assert!(rounds.answers(&asked(&["sure"])).is_ok());
    }
}
