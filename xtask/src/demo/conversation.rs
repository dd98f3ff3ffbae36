//! One client's talk with one server: each line is printed, each answer is checked.

use std::error::Error;

use anyhow::{Context, Result, bail, ensure};
use mcp_testkit::ServerProcess;
use mcp_testkit::client::Client;
use mcp_testkit::wire::is_modern;
use rmcp::ServiceError;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, GetPromptRequestParams, JsonObject,
    ReadResourceRequestParams,
};
use rmcp::transport::streamable_http_client::InsufficientScopeError;
use serde_json::Value;

use super::stage;

/// How much of a value is shown, in characters: a transcript is to be read.
const SHOWN: usize = 160;

/// Two clients of one server, both connected.
#[derive(Debug)]
pub(super) struct Conversation {
    client: Client,
    /// A client without the scopes to write.
    reader: Client,
    /// Over HTTP; over stdio each client has a server of its own.
    server: Option<ServerProcess>,
}

impl Conversation {
    pub(super) fn new(client: Client, reader: Client, server: Option<ServerProcess>) -> Self {
        Self { client, reader, server }
    }

    /// What the server said of itself when the client connected.
    pub(super) fn discover(&self) -> Result<()> {
        let info = self.client.peer_info().context("the server did not introduce itself")?;
        let version = &info.protocol_version;
        ask(if is_modern(version) { "server/discover" } else { "initialize" });
        let server = info.server_info.as_ref().context("the server has no name")?;
        answer(&format!("{} {}, MCP {version}", server.name, server.version));
        answer(info.instructions.as_deref().unwrap_or_default());
        Ok(())
    }

    /// Lists the tools and expects these among them.
    pub(super) async fn list_tools(&self, expected: &[&str]) -> Result<()> {
        ask("tools/list");
        let tools = self.client.list_all_tools().await?;
        for tool in &tools {
            let description = tool.description.as_deref().unwrap_or_default();
            answer(&format!(
                "{:<16} {}",
                tool.name,
                description.lines().next().unwrap_or_default()
            ));
        }
        let missing: Vec<_> =
            expected.iter().filter(|name| tools.iter().all(|tool| tool.name != **name)).collect();
        ensure!(missing.is_empty(), "tools/list lacks {missing:?}");
        Ok(())
    }

    /// Calls a tool, which succeeds, and shows these members of its answer.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Value,
        shown: &[&str],
    ) -> Result<Answer> {
        let result = call(&self.client, tool, arguments).await??;
        ensure!(result.is_error != Some(true), "{tool} failed: {}", text(&result));
        let content = result.structured_content.context("no structured content")?;
        let members = shown.iter().map(|path| {
            let value = content.pointer(path).unwrap_or(&Value::Null);
            format!("{} {value}", path.trim_start_matches('/'))
        });
        answer(&members.collect::<Vec<_>>().join(", "));
        Ok(Answer(content))
    }

    /// Calls a tool, which fails with that code.
    pub(super) async fn call_fails(&self, tool: &str, arguments: Value, code: &str) -> Result<()> {
        let result = call(&self.client, tool, arguments).await??;
        answer(&text(&result));
        failed_with(&result, code)
    }

    /// Calls a tool as the client that may only read: refused by 403 over HTTP, by `forbidden` over stdio.
    pub(super) async fn call_as_reader(
        &self,
        tool: &str,
        arguments: Value,
        scope: &str,
    ) -> Result<()> {
        println!("  (a client without the scope {scope})");
        match (call(&self.reader, tool, arguments).await?, &self.server) {
            (Ok(result), None) => {
                answer(&text(&result));
                failed_with(&result, "forbidden")
            }
            (Err(refusal), Some(_)) => {
                let challenge =
                    challenge(&refusal).with_context(|| format!("no 403: {refusal}"))?;
                answer(&format!("403 WWW-Authenticate: {challenge}"));
                ensure!(
                    challenge.contains("insufficient_scope") && challenge.contains(scope),
                    "no step-up"
                );
                Ok(())
            }
            (Ok(result), Some(_)) => bail!("no 403 but a result: {}", text(&result)),
            (Err(refusal), None) => bail!("no result but {refusal}"),
        }
    }

    /// Reads a resource of JSON.
    pub(super) async fn read(&self, uri: &str) -> Result<Answer> {
        ask(&format!("resources/read {uri}"));
        let result = self.client.read_resource(ReadResourceRequestParams::new(uri)).await?;
        let result = serde_json::to_value(result)?;
        let text = result.pointer("/contents/0/text").and_then(Value::as_str);
        let text = text.context("no text in the resource")?;
        answer(text);
        Ok(Answer(serde_json::from_str(text).context("the resource is no JSON")?))
    }

    /// Gets a prompt, in which that text occurs.
    pub(super) async fn prompt(&self, name: &str, arguments: Value, expected: &str) -> Result<()> {
        ask(&format!("prompts/get {name} {arguments}"));
        let prompt = GetPromptRequestParams::new(name).with_arguments(object(arguments)?);
        let result = serde_json::to_value(self.client.get_prompt(prompt).await?)?;
        let text = result.pointer("/messages/0/content/text").and_then(Value::as_str);
        answer(text.context("no text in the prompt")?);
        ensure!(result.to_string().contains(expected), "the prompt does not name {expected}");
        Ok(())
    }

    /// Both clients leave, and the server ends in good order.
    pub(super) async fn close(self) -> Result<()> {
        self.client.cancel().await?;
        self.reader.cancel().await?;
        stage::end(self.server).await
    }
}

/// What a tool answered or a resource holds.
#[derive(Debug)]
pub(super) struct Answer(Value);

impl Answer {
    /// Expects a member, named by a JSON pointer, to have that value.
    pub(super) fn expect(&self, path: &str, expected: impl Into<Value>) -> Result<&Self> {
        let (found, expected) = (self.at(path), expected.into());
        ensure!(*found == expected, "`{path}` is {found}, not {expected}");
        Ok(self)
    }

    /// A member, or null.
    pub(super) fn at(&self, path: &str) -> &Value {
        self.0.pointer(path).unwrap_or(&Value::Null)
    }
}

/// The outer error is ours, the inner one the server's refusal.
async fn call(
    client: &Client,
    tool: &str,
    arguments: Value,
) -> Result<Result<CallToolResult, ServiceError>> {
    ask(&format!("tools/call {tool} {arguments}"));
    let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(object(arguments)?);
    Ok(client.call_tool(call).await)
}

fn object(value: Value) -> Result<JsonObject> {
    match value {
        Value::Object(members) => Ok(members),
        other => bail!("{other} are no arguments"),
    }
}

fn failed_with(result: &CallToolResult, code: &str) -> Result<()> {
    let content = result.structured_content.as_ref();
    let found = content.and_then(|it| it.pointer("/error/code")).unwrap_or(&Value::Null);
    ensure!(result.is_error == Some(true) && found == code, "{found} instead of {code}");
    Ok(())
}

/// The challenge of a 403, wherever in the chain of causes the client keeps it.
fn challenge(refusal: &ServiceError) -> Option<&str> {
    let ServiceError::TransportSend(transport) = refusal else { return None };
    let first: Option<&(dyn Error + 'static)> = Some(transport.error.as_ref());
    let mut causes = std::iter::successors(first, |cause| (*cause).source());
    let refusal = causes.find_map(|cause| cause.downcast_ref::<InsufficientScopeError>())?;
    Some(&refusal.www_authenticate_header)
}

fn text(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|block| block.as_text());
    texts.map(|block| block.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn ask(line: &str) {
    println!("→ {line}");
}

fn answer(text: &str) {
    println!("← {}", clipped(text));
}

/// One line of text, cut where it would no longer be read.
fn clipped(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(&line)),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_that_differs_is_told_with_both_values() {
        let answer = Answer(json!({ "ticket": { "status": "open" } }));
        assert!(answer.expect("/ticket/status", "open").is_ok());
        let error = answer.expect("/ticket/status", "closed").unwrap_err().to_string();
        assert_eq!(error, r#"`/ticket/status` is "open", not "closed""#);
        assert!(answer.expect("/nothing", Value::Null).is_ok());
    }

    #[test]
    fn a_result_without_the_expected_failure_is_an_error() {
        let conflict = json!({ "error": { "code": "conflict" } });
        let failed = CallToolResult::structured_error(conflict.clone());
        assert!(failed_with(&failed, "conflict").is_ok());
        assert!(failed_with(&failed, "not_found").is_err());
        assert!(failed_with(&CallToolResult::structured(conflict), "conflict").is_err());
    }

    #[test]
    fn long_text_becomes_one_short_line() {
        assert_eq!(clipped("a\n  b"), "a b");
        assert_eq!(clipped(&"ä".repeat(SHOWN + 1)), format!("{}…", "ä".repeat(SHOWN)));
    }
}
