//! Tools that ask their client: by one round, by several, and by requests of their own before 2026-07-28.

use mcp_chassis::{Ability, Answer, Answers, Question};
use serde_json::{Value, json};

use crate::server::{text, tools};

/// A form with one text.
pub(crate) fn form(message: &str, field: &str) -> mcp_chassis::Result<Question> {
    let properties = json!({ field: { "type": "string" } });
    Question::form(
        message,
        json!({ "type": "object", "properties": properties, "required": [field] }),
    )
}

fn confirmation() -> mcp_chassis::Result<Question> {
    let properties = json!({ "ok": { "type": "boolean" } });
    let schema = json!({ "type": "object", "properties": properties, "required": ["ok"] });
    Question::form("Please confirm", schema)
}

/// What was answered under `key`, in a few words.
pub(crate) fn told(answers: &Answers, key: &str) -> String {
    match answers.get(key) {
        Some(Answer::Accepted(content)) => {
            format!("action=accept, content={}", Value::Object(content.clone()))
        }
        Some(Answer::Declined) => "action=decline, content={}".to_owned(),
        Some(Answer::Generated(text)) => text.clone(),
        Some(Answer::Roots(uris)) => uris.join(", "),
        Some(Answer::Dismissed) | None => "action=cancel, content={}".to_owned(),
    }
}

/// The text that was filled in under `key`.
pub(crate) fn field(answers: &Answers, key: &str, name: &str) -> String {
    let Some(Answer::Accepted(content)) = answers.get(key) else { return "nobody".to_owned() };
    content.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The five kinds of choices (SEP-1330).
fn choices() -> Value {
    let titled = |kind: &str| {
        json!([
            { "const": "value1", "title": format!("First {kind}") },
            { "const": "value2", "title": format!("Second {kind}") },
            { "const": "value3", "title": format!("Third {kind}") },
        ])
    };
    let options = json!(["option1", "option2", "option3"]);
    let names = json!(["Option One", "Option Two", "Option Three"]);
    json!({
        "untitledSingle": { "type": "string", "enum": options },
        "titledSingle": { "type": "string", "oneOf": titled("Option") },
        "legacyEnum": { "type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": names },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } },
    })
}

/// A field of every type, each with a default (SEP-1034).
fn defaults() -> Value {
    let states = json!(["active", "inactive", "pending"]);
    json!({
        "name": { "type": "string", "description": "User's name", "default": "John Doe" },
        "age": { "type": "integer", "description": "User's age", "default": 30 },
        "score": { "type": "number", "description": "User's score", "default": 95.5 },
        "status": { "type": "string", "enum": states, "default": "active" },
        "verified": { "type": "boolean", "description": "Whether verified", "default": true },
    })
}

tools! {
    /// Asks the client's model.
    Samples {
        /// What the model is asked
        #[validate(length(max = 1_000))]
        prompt: String
    } = "test_sampling".asks() => |it, context| {
        let answers = context.ask([("answer", Question::model(it.prompt.as_str(), 100))]).await?;
        Ok(text(format!("LLM response: {}", told(&answers, "answer"))))
    }

    /// Asks the client's user.
    Elicits {
        /// What the user reads
        #[validate(length(max = 1_000))]
        message: String
    } = "test_elicitation".asks() => |it, context| {
        let properties = json!({
            "username": { "type": "string", "description": "User's response" },
            "email": { "type": "string", "description": "User's email address" },
        });
        let required = json!(["username", "email"]);
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        let answers = context.ask([("user", Question::form(it.message.as_str(), schema)?)]).await?;
        Ok(text(format!("User response: {}", told(&answers, "user"))))
    }

    /// Asks with defaults.
    ElicitsDefaults {} = "test_elicitation_sep1034_defaults".asks() => |_it, context| {
        let schema = json!({ "type": "object", "properties": defaults() });
        let question = Question::form("Please provide values (all have defaults)", schema)?;
        let answers = context.ask([("values", question)]).await?;
        Ok(text(format!("Elicitation completed: {}", told(&answers, "values"))))
    }

    /// Asks with choices.
    ElicitsChoices {} = "test_elicitation_sep1330_enums".asks() => |_it, context| {
        let schema = json!({ "type": "object", "properties": choices() });
        let question = Question::form("Test enum schema improvements", schema)?;
        let answers = context.ask([("choices", question)]).await?;
        Ok(text(format!("Elicitation completed: {}", told(&answers, "choices"))))
    }

    /// Needs the client's model.
    MissingCapability {} = "test_missing_capability".asks() => |_it, context| {
        let answers = context.ask([("answer", Question::model("Anything", 10))]).await?;
        Ok(text(told(&answers, "answer")))
    }

    /// Asks the user while its answer could stream.
    StreamingElicitation {} = "test_streaming_elicitation".asks() => |_it, context| {
        let answers = context.ask([("name", form("What is your name?", "name")?)]).await?;
        Ok(text(told(&answers, "name")))
    }

    /// Asks for a name.
    InputElicitation {} = "test_input_required_result_elicitation".asks() => |_it, context| {
        let answers = context.ask([("user_name", form("What is your name?", "name")?)]).await?;
        Ok(text(format!("Hello, {}!", field(&answers, "user_name", "name"))))
    }

    /// Asks the client's model for a capital.
    InputSampling {} = "test_input_required_result_sampling".asks() => |_it, context| {
        let question = Question::model("What is the capital of France?", 100);
        let answers = context.ask([("capital_question", question)]).await?;
        Ok(text(told(&answers, "capital_question")))
    }

    /// Asks for the client's folders.
    InputRoots {} = "test_input_required_result_list_roots".asks() => |_it, context| {
        let answers = context.ask([("client_roots", Question::roots())]).await?;
        Ok(text(told(&answers, "client_roots")))
    }

    /// Asks with a state that comes back.
    InputState {} = "test_input_required_result_request_state".asks() => |_it, context| {
        context.ask([("confirm", confirmation()?)]).await?;
        Ok(text("state-ok"))
    }

    /// Asks for three things at once.
    InputMultiple {} = "test_input_required_result_multiple_inputs".asks() => |_it, context| {
        let answers = context.ask([
            ("user_name", form("What is your name?", "name")?),
            ("greeting", Question::model("Generate a greeting", 50)),
            ("client_roots", Question::roots()),
        ]).await?;
        let told = ["user_name", "greeting", "client_roots"].map(|key| told(&answers, key));
        Ok(text(told.join("; ")))
    }

    /// Asks one thing after the other.
    InputRounds {} = "test_input_required_result_multi_round".asks() => |_it, context| {
        let step = form("Step 1: What is your name?", "name")?;
        let name = context.ask([("step1", step)]).await?;
        let step = form("Step 2: What is your favorite color?", "color")?;
        let color = context.ask([("step2", step)]).await?;
        let (name, color) = (field(&name, "step1", "name"), field(&color, "step2", "color"));
        Ok(text(format!("{name} likes {color}")))
    }

    /// Asks with a state that must not be changed.
    InputTampered {} = "test_input_required_result_tampered_state".asks() => |_it, context| {
        context.ask([("confirm", confirmation()?)]).await?;
        Ok(text("state-ok"))
    }

    /// Asks for what the client can answer.
    InputCapabilities {} = "test_input_required_result_capabilities".asks() => |_it, context| {
        let mut questions = Vec::new();
        if context.can_ask(Ability::Forms) {
            questions.push(("name", form("What is your name?", "name")?));
        }
        if context.can_ask(Ability::Sampling) {
            questions.push(("greeting", Question::model("Generate a greeting", 50)));
        }
        let answers = context.ask(questions).await?;
        Ok(text(answers.keys().cloned().collect::<Vec<_>>().join(", ")))
    }
}
