//! Asking a person before something is done that cannot be taken back (`MCP_CONFIRM`).

use std::{str::FromStr, time::Duration};

use mcp_errors::{Error, ErrorKind, Result};
use mcp_limits::WriteKey;
use mcp_sanitize::{Findings, Sanitizer, Treatment};
use rmcp::model::JsonObject;
use serde_json::{Value, json};

use crate::{Ability, Answer, Question, caller::Caller};

/// How long a person may think, where the call waits meanwhile.
const PATIENCE: Duration = Duration::from_mins(2);

/// How much of an argument a person reads.
const MAX_SHOWN: usize = 200;

/// Whether calls of tools that are specified so ask first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ConfirmMode {
    /// They do not.
    Never,
    /// They do where the client can be asked, and are made unasked where it cannot.
    #[default]
    Destructive,
    /// They do, and are refused where the client cannot be asked.
    Required,
}

impl FromStr for ConfirmMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "never" => Ok(Self::Never),
            "destructive" => Ok(Self::Destructive),
            "required" => Ok(Self::Required),
            _ => Err("expected `never`, `destructive` or `required`"),
        }
    }
}

/// A question that has to be answered with yes before the call is made.
#[derive(Debug)]
pub(super) struct Confirmation {
    question: Question,
    mode: ConfirmMode,
    tool: &'static str,
}

impl Confirmation {
    /// What is asked before `tool` is called with `arguments`, where anything is.
    pub(super) fn of(
        mode: ConfirmMode,
        (tool, template): (&'static str, Option<&'static str>),
        arguments: &JsonObject,
        sanitizer: &Sanitizer,
    ) -> Result<Option<Self>> {
        let Some(template) = template.filter(|_| mode != ConfirmMode::Never) else {
            return Ok(None);
        };
        let message = filled_in(template, arguments, sanitizer);
        // No fields: to accept is to say yes.
        let question = Question::form(message, json!({ "type": "object", "properties": {} }))?;
        Ok(Some(Self { question, mode, tool }))
    }

    /// Asks, and returns the key of the write that was agreed to, where one answer could otherwise be sent twice.
    pub(super) async fn ask(self, caller: &Caller) -> Result<Option<WriteKey>> {
        let Some(dialogue) = &caller.dialogue else {
            return Err(Error::internal("a call that asks has no client"));
        };
        if self.mode == ConfirmMode::Destructive && !dialogue.can(Ability::Forms) {
            return Ok(None);
        }
        let asked = dialogue.until_interrupted(dialogue.confirm(self.question, PATIENCE));
        let answer = mcp_limits::within(PATIENCE, &caller.cancelled, asked).await?;
        if !matches!(answer, Answer::Accepted(_)) {
            let text = "the user did not agree to this, nothing was done";
            return Err(Error::new(ErrorKind::Cancelled, text));
        }
        let agreed = dialogue.conversation().map(|id| format!("confirmed:{id}"));
        agreed.map(|id| WriteKey::new(caller.principal.key(), self.tool, &id)).transpose()
    }
}

/// Puts the arguments in the places that are named after them: somebody else's words, so they are clean and short.
fn filled_in(template: &str, arguments: &JsonObject, sanitizer: &Sanitizer) -> String {
    let mut message = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        message.push_str(before);
        let text = match arguments.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let clean = sanitizer.text(&text, Treatment::Clean, &mut Findings::default());
        let shown: String = clean.chars().filter(|it| !it.is_control()).take(MAX_SHOWN).collect();
        message.push_str(&shown);
        if clean.chars().count() > MAX_SHOWN {
            message.push('…');
        }
        rest = after;
    }
    message + rest
}

#[cfg(test)]
mod tests {
    use mcp_sanitize::Options;

    use super::*;

    #[test]
    fn a_person_reads_what_will_be_done() {
        let sanitizer = Sanitizer::new(&Options::default()).unwrap();
        let arguments =
            json!({ "id": "T-7", "count": 3, "text": format!("a\nb{}", "x".repeat(900)) });
        let arguments = arguments.as_object().unwrap();
        let text = filled_in("Close {id} ({count})? {missing}.", arguments, &sanitizer);
        assert_eq!(text, "Close T-7 (3)? .");
        let text = filled_in("“{text}”", arguments, &sanitizer);
        assert!(text.starts_with("“abxxx") && text.ends_with("x…”"), "{text}");
        assert!(text.chars().count() <= MAX_SHOWN + 3, "{text}");
    }
}
