//! What a call may ask its client, and what the client answers.
#![expect(deprecated, reason = "sampling and roots serve clients that still offer them (SEP-2577)")]

use std::collections::BTreeMap;

use mcp_errors::{Error, Result};
use rmcp::model::{
    ClientCapabilities, CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    ElicitationSchema, Extensions, InputRequest, JsonObject, ListRootsRequest,
    ListRootsRequestMethod, ListRootsResult, RootsCapabilities, SamplingCapability,
    SamplingMessage,
};
use serde_json::Value;

/// A question to the client of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Question(pub(super) InputRequest);

/// What a client can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ability {
    /// Its user, by a form (elicitation).
    Forms,
    /// Its model (sampling; deprecated in 2026-07-28).
    Sampling,
    /// The folders that it works in (roots; deprecated in 2026-07-28).
    Roots,
}

/// What a client answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The user filled in the form; its fields are of the types that the form asked for.
    Accepted(JsonObject),
    /// The user said no.
    Declined,
    /// The user said nothing.
    Dismissed,
    /// The model wrote this.
    Generated(String),
    /// The addresses of the client's folders.
    Roots(Vec<String>),
}

/// The answers to several questions, by their keys.
pub type Answers = BTreeMap<String, Answer>;

impl Question {
    /// A form for the user: `schema` is a flat object of strings, numbers, booleans and choices (MCP, elicitation).
    ///
    /// # Errors
    /// When the schema is not one of a form.
    pub fn form(message: impl Into<String>, schema: Value) -> Result<Self> {
        let requested_schema: ElicitationSchema =
            serde_json::from_value(schema).map_err(Error::internal)?;
        let message = message.into();
        let form =
            ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema };
        Ok(Self(InputRequest::Elicitation(ElicitRequest::new(form))))
    }

    /// A prompt for the client's model, and how long its answer may be.
    pub fn model(prompt: impl Into<String>, max_tokens: u32) -> Self {
        let messages = vec![SamplingMessage::user_text(prompt)];
        let params = CreateMessageRequestParams::new(messages, max_tokens);
        Self(InputRequest::CreateMessage(CreateMessageRequest::new(params)))
    }

    /// Which folders the client works in.
    pub fn roots() -> Self {
        Self(InputRequest::ListRoots(ListRootsRequest {
            method: ListRootsRequestMethod,
            extensions: Extensions::default(),
        }))
    }

    pub(crate) fn request(&self) -> InputRequest {
        self.0.clone()
    }

    pub(super) fn needs(&self) -> Ability {
        match self.0 {
            InputRequest::CreateMessage(_) => Ability::Sampling,
            InputRequest::ListRoots(_) => Ability::Roots,
            _ => Ability::Forms,
        }
    }

    /// What the client said, where that is an answer to this question.
    pub(crate) fn answer(&self, said: &Value) -> Option<Answer> {
        match &self.0 {
            InputRequest::Elicitation(request) => {
                let result = ElicitResult::deserialize_from(said)?;
                let content = match result.action {
                    ElicitationAction::Accept => result.content,
                    ElicitationAction::Decline => return Some(Answer::Declined),
                    _ => return Some(Answer::Dismissed),
                };
                let ElicitRequestParams::FormElicitationParams { requested_schema, .. } =
                    &request.params
                else {
                    return None;
                };
                filled_in(requested_schema, content.as_ref()).map(Answer::Accepted)
            }
            InputRequest::CreateMessage(_) => {
                let result = CreateMessageResult::deserialize_from(said)?;
                let texts = result.message.content.iter().filter_map(|part| part.as_text());
                Some(Answer::Generated(texts.map(|text| text.text.as_str()).collect()))
            }
            InputRequest::ListRoots(_) => {
                let result = ListRootsResult::deserialize_from(said)?;
                Some(Answer::Roots(result.roots.into_iter().map(|root| root.uri).collect()))
            }
            _ => None,
        }
    }
}

impl Ability {
    pub(super) fn of(self, client: &ClientCapabilities) -> bool {
        match self {
            // A client that names neither kind of form means the plain one.
            Self::Forms => {
                client.elicitation.as_ref().is_some_and(|it| it.form.is_some() || it.url.is_none())
            }
            Self::Sampling => client.sampling.is_some(),
            Self::Roots => client.roots.is_some(),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Forms => "elicitation",
            Self::Sampling => "sampling",
            Self::Roots => "roots",
        }
    }
}

/// The capabilities that a client would have to declare.
pub(super) fn required(abilities: impl IntoIterator<Item = Ability>) -> ClientCapabilities {
    let mut required = ClientCapabilities::default();
    for ability in abilities {
        match ability {
            Ability::Forms => required.elicitation = Some(ElicitationCapability::default()),
            Ability::Sampling => required.sampling = Some(SamplingCapability::default()),
            Ability::Roots => required.roots = Some(RootsCapabilities::default()),
        }
    }
    required
}

/// The fields of a form, where all that it requires are there, and all that are there have its types.
fn filled_in(schema: &ElicitationSchema, content: Option<&Value>) -> Option<JsonObject> {
    let schema = serde_json::to_value(schema).ok()?;
    let empty = JsonObject::new();
    let content = match content {
        Some(content) => content.as_object()?,
        None => &empty,
    };
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let is_complete = required.filter_map(Value::as_str).all(|name| content.contains_key(name));
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let mut fields = JsonObject::new();
    for (name, property) in properties {
        let Some(value) = content.get(name) else { continue };
        let fits = match property.get("type").and_then(Value::as_str) {
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("array") => value.is_array(),
            _ => value.is_string(),
        };
        if !fits {
            return None;
        }
        fields.insert(name.clone(), value.clone());
    }
    is_complete.then_some(fields)
}

/// A result of the client, read leniently: what it is not is no answer.
trait Said: serde::de::DeserializeOwned {
    fn deserialize_from(said: &Value) -> Option<Self> {
        serde_json::from_value(said.clone()).ok()
    }
}

impl<T: serde::de::DeserializeOwned> Said for T {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name() -> Question {
        let properties = json!({ "name": { "type": "string" }, "age": { "type": "integer" } });
        let schema = json!({ "type": "object", "properties": properties, "required": ["name"] });
        Question::form("Who?", schema).unwrap()
    }

    #[test]
    fn a_form_is_answered_when_its_fields_fit() {
        let accepted = json!({ "action": "accept", "content": { "name": "Ada", "more": 1 } });
        let fields = json!({ "name": "Ada" }).as_object().cloned().unwrap();
        assert_eq!(name().answer(&accepted), Some(Answer::Accepted(fields)));
        assert_eq!(name().answer(&json!({ "action": "decline" })), Some(Answer::Declined));
        assert_eq!(name().answer(&json!({ "action": "cancel" })), Some(Answer::Dismissed));
    }

    #[test]
    fn what_does_not_fit_the_question_is_no_answer() {
        for said in [
            json!(12345),
            json!(null),
            json!({ "action": "accept" }),
            json!({ "action": "accept", "content": [] }),
            json!({ "action": "accept", "content": { "name": 7 } }),
            json!({ "action": "accept", "content": { "name": "Ada", "age": "old" } }),
            json!({ "action": "maybe" }),
        ] {
            assert_eq!(name().answer(&said), None, "{said}");
        }
        assert_eq!(Question::roots().answer(&json!({ "roots": "none" })), None);
        assert_eq!(Question::model("?", 9).answer(&json!({ "role": "user" })), None);
    }

    #[test]
    fn a_model_and_folders_answer_in_their_own_shapes() {
        let said = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "Paris" } });
        assert_eq!(
            Question::model("?", 9).answer(&said),
            Some(Answer::Generated("Paris".to_owned()))
        );
        let said = json!({ "roots": [{ "uri": "file:///a", "name": "A" }] });
        assert_eq!(
            Question::roots().answer(&said),
            Some(Answer::Roots(vec!["file:///a".to_owned()]))
        );
    }
}
