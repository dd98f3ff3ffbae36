//! From an outcome to the protocol's terms: content, structured content, `_meta`, errors.

use mcp_errors::{Error, ErrorKind, ToolFailure};
use mcp_sanitize::Boundary;
use rmcp::{
    ErrorData,
    model::{
        CallToolResponse, CallToolResult, ContentBlock, ErrorCode, InputRequiredResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        MetaObject, PromptMessage, ReadResourceResult, Role,
    },
};
use serde_json::{Value, json};

use crate::{
    Block, PromptPart, Server,
    app::App,
    caller::Caller,
    dialogue::Interruption,
    pipeline::{Completed, Failed, FittedAnswer},
    structured::Structured,
};

/// The prefix of every `_meta` name that is ours (MCP, `_meta` names).
const OURS: &str = "io.github.mcp-chassis/";

/// What stands in the `_meta` of every result.
pub(crate) fn meta<S: Server>(app: &App<S>, caller: &Caller) -> MetaObject {
    let mut meta = MetaObject::new();
    meta.0.insert(format!("{OURS}request_id"), Value::from(caller.request_id.as_str()));
    if caller.is_modern() {
        meta.0.insert("io.modelcontextprotocol/serverInfo".to_owned(), app.server_info.clone());
    }
    meta
}

/// The `_meta` of a completed operation: whence its text, whether replayed, what the owners add.
pub(crate) fn meta_of<S: Server, A>(
    app: &App<S>,
    caller: &Caller,
    completed: &Completed<A>,
) -> MetaObject {
    let mut meta = meta(app, caller);
    if let Some(provenance) = &completed.provenance {
        let told = json!({
            "trust": "untrusted",
            "sources": provenance.sources,
            "findings": provenance.findings,
        });
        meta.0.insert(format!("{OURS}provenance"), told);
    }
    if let Some(deduplicated) = completed.deduplicated {
        meta.0.insert(format!("{OURS}deduplicated"), Value::Bool(deduplicated));
    }
    if let Some(freshness) = completed.freshness {
        meta.0.insert(format!("{OURS}cache"), json!(freshness));
    }
    for (name, value) in &completed.annotations {
        // What the chassis says of a call is not the owners' to change.
        if !name.starts_with(OURS) && !name.starts_with("io.modelcontextprotocol/") {
            meta.0.insert(name.clone(), value.clone());
        }
    }
    meta
}

/// A tool's answer, whatever it is.
pub(crate) fn tool_response<S: Server>(
    app: &App<S>,
    caller: &Caller,
    ended: Result<Completed<FittedAnswer>, Failed>,
) -> Result<CallToolResponse, ErrorData> {
    if let Err(failed) = &ended
        && let Some(asking) = interrupted(app, caller, failed)?
    {
        return Ok(asking.into());
    }
    Ok(tool_result(app, caller, ended).into())
}

/// The questions that a call ended with, in a result of their own.
///
/// # Errors
/// When the client would have to declare what it can be asked for (2026-07-28).
pub(crate) fn interrupted<S: Server>(
    app: &App<S>,
    caller: &Caller,
    failed: &Failed,
) -> Result<Option<InputRequiredResult>, ErrorData> {
    let Some(dialogue) = &caller.dialogue else { return Ok(None) };
    match dialogue.take_interruption() {
        Some(Interruption::Asks(open)) => {
            let sealed = dialogue.rounds.as_ref().map(|rounds| rounds.sealed(&open)).transpose();
            let sealed =
                sealed.map_err(|error| protocol_error(&Failed::new(error, &failed.request_id)))?;
            let asking = InputRequiredResult::new(Some(open), sealed);
            Ok(Some(asking.with_meta(meta(app, caller))))
        }
        Some(Interruption::Lacks(required)) if caller.is_modern() => {
            Err(ErrorData::missing_required_client_capability(required))
        }
        Some(Interruption::Lacks(_)) | None => Ok(None),
    }
}

/// A tool's result: structured content for programs, text for everybody else.
pub(crate) fn tool_result<S: Server>(
    app: &App<S>,
    caller: &Caller,
    ended: Result<Completed<FittedAnswer>, Failed>,
) -> CallToolResult {
    let failed = match ended {
        Ok(completed) => match success(app, caller, completed) {
            Ok(result) => return result,
            Err(error) => Failed::new(error, caller.request_id.as_str()),
        },
        Err(failed) => failed,
    };
    let failure = failed.told();
    let mut result = CallToolResult::error(vec![ContentBlock::text(sentence(&failure))]);
    result.structured_content = Some(json!({ "error": failure }));
    result.meta = Some(meta(app, caller));
    result
}

fn success<S: Server>(
    app: &App<S>,
    caller: &Caller,
    completed: Completed<FittedAnswer>,
) -> Result<CallToolResult, Error> {
    let meta = meta_of(app, caller, &completed);
    let FittedAnswer { structured, json, text, blocks } = completed.answer;
    let structured_content = match (&caller.structured, &json) {
        (Some(slot), Some(json)) => {
            slot.fill(json.clone());
            None
        }
        _ => structured.map(Structured::into_value).transpose()?,
    };
    let texts = [json, text].into_iter().flatten().map(ContentBlock::text);
    let content = texts.chain(blocks.into_iter().map(Block::into_content));
    let content = match &completed.provenance {
        Some(provenance) => wrapped(&provenance.sources.join(", "), content),
        None => content.collect(),
    };
    let mut result = CallToolResult::success(content);
    result.structured_content = structured_content;
    result.meta = Some(meta);
    Ok(result)
}

/// A prompt's messages; somebody else's words stand between markers.
pub(crate) fn prompt_messages(completed: Completed<Vec<PromptPart>>) -> Vec<PromptMessage> {
    let sources = completed.provenance.map(|it| it.sources.join(", ")).unwrap_or_default();
    let content = |part| match part {
        PromptPart::Instruction(text) => ContentBlock::text(text),
        PromptPart::Outside(text) => {
            let boundary = Boundary::new(&sources);
            ContentBlock::text(format!("{}\n{text}\n{}", boundary.open(), boundary.close()))
        }
        PromptPart::Block(block) => block.into_content(),
    };
    let parts = completed.answer.into_iter();
    parts.map(|part| PromptMessage::new(Role::User, content(part))).collect()
}

/// A failure outside of a tool, where the protocol has no result that says so.
pub(crate) fn protocol_error(failed: &Failed) -> ErrorData {
    let failure = failed.told();
    let code = match failed.error.kind() {
        ErrorKind::InvalidInput { .. } => ErrorCode::INVALID_PARAMS,
        ErrorKind::NotFound => ErrorCode::RESOURCE_NOT_FOUND,
        ErrorKind::Internal => ErrorCode::INTERNAL_ERROR,
        // JSON-RPC 2.0 §5.1 leaves -32000 to -32099 to the server; `data` says which.
        _ => ErrorCode(-32000),
    };
    ErrorData::new(code, sentence(&failure), Some(json!({ "error": failure })))
}

/// What cannot be taken on beside what is there already.
pub(crate) fn overloaded(text: &'static str) -> ErrorData {
    ErrorData::new(ErrorCode(-32000), text, Some(json!({ "error": { "code": "overloaded" } })))
}

/// One or two plain sentences: what happened, and whether to try again.
fn sentence(failure: &ToolFailure) -> String {
    let mut letters = failure.message.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let again = match failure.retry_after_ms {
        Some(wait) => format!(" Try again after {wait} ms."),
        None if failure.retryable => " The same call may succeed later.".to_owned(),
        None => String::new(),
    };
    format!("{first}{}.{again}", letters.as_str())
}

/// The JSON of a result, and its text where it has any, between markers that nothing inside of them can imitate. Blocks
/// of their own, so that one is the serialized JSON alone, as the specification asks of a tool with structured content.
fn wrapped(source: &str, content: impl Iterator<Item = ContentBlock>) -> Vec<ContentBlock> {
    let boundary = Boundary::new(source);
    let [open, close] = [boundary.open(), boundary.close()].map(ContentBlock::text);
    [open].into_iter().chain(content).chain([close]).collect()
}

/// A cursor of `resources/list`: which resource's listing, and where in it.
pub(crate) fn split_cursor(cursor: Option<String>) -> Result<(usize, Option<String>), ErrorData> {
    let Some(cursor) = cursor else { return Ok((0, None)) };
    let refused = || ErrorData::invalid_params("`cursor` is not one of this list", None);
    let (index, inner) = cursor.split_once(':').ok_or_else(refused)?;
    let index = index.parse().map_err(|_not_a_number| refused())?;
    Ok((index, (!inner.is_empty()).then(|| inner.to_owned())))
}

/// A result with caching hints, which clients before 2026-07-28 do not know.
pub(crate) trait CacheHints {
    fn without_hints(self) -> Self;
}

macro_rules! cache_hints {
    ($($result:ty),+) => {$(
        impl CacheHints for $result {
            fn without_hints(mut self) -> Self {
                (self.ttl_ms, self.cache_scope) = (None, None);
                self
            }
        }
    )+};
}

cache_hints!(
    ListPromptsResult,
    ListResourceTemplatesResult,
    ListResourcesResult,
    ListToolsResult,
    ReadResourceResult
);

/// Leaves a result as the client's revision of the protocol defines it.
pub(crate) fn for_era<R: CacheHints>(result: R, caller: &Caller) -> R {
    if caller.is_modern() { result } else { result.without_hints() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mcp_errors::{Error, ToolFailure};
    use proptest::prelude::*;

    use super::{sentence, split_cursor};

    #[test]
    fn a_failure_is_told_in_plain_sentences() {
        let failure = ToolFailure::new(&Error::rate_limited(Duration::from_millis(300)), "r");
        assert_eq!(sentence(&failure), "The quota is used up. Try again after 300 ms.");
        let failure = ToolFailure::new(&Error::invalid("id", "must be like `T-1`"), "r");
        assert_eq!(sentence(&failure), "`id` must be like `T-1`.");
    }

    #[test]
    fn a_cursor_that_is_not_ours_is_refused() {
        assert!(split_cursor(Some("x".to_owned())).is_err());
        assert!(split_cursor(Some("-1:a".to_owned())).is_err());
        assert_eq!(split_cursor(Some("1:".to_owned())).unwrap(), (1, None));
        assert_eq!(split_cursor(Some("0:a:b".to_owned())).unwrap(), (0, Some("a:b".to_owned())));
    }

    proptest! {
        #[test]
        fn a_cursor_is_ours_or_refused(cursor in any::<String>()) {
            if let Ok((index, inner)) = split_cursor(Some(cursor.clone())) {
                let tail = inner.unwrap_or_default();
                prop_assert_eq!(cursor.split_once(':').unwrap().1, tail);
                prop_assert!(cursor.trim_start_matches(['+', '0']).starts_with(&index.to_string())
                    || index == 0);
            }
        }

        #[test]
        fn a_cursor_that_we_gave_is_understood(index in any::<usize>(), inner in any::<String>()) {
            let expected = (index, (!inner.is_empty()).then(|| inner.clone()));
            prop_assert_eq!(split_cursor(Some(format!("{index}:{inner}"))).unwrap(), expected);
        }
    }
}
