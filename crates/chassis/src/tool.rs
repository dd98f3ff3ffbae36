//! Tools: a type that is its own arguments, with its policy as part of the type.

use std::{fmt, future::Future, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use mcp_errors::Result;
use mcp_sanitize::{OFFLOAD_BYTES, PageCut, json_within};
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use validator::Validate;

use crate::{Block, CallContext, RawText, Server, ToolSpec, arguments, structured::Structured};

/// A tool: the value of the type is one call's arguments, [`Tool::SPEC`] is the policy they are called under.
///
/// The doc comment of the type is the description that the model reads; the fields' comments, types and
/// `#[validate]` attributes are the input schema. Derive `Deserialize` with `deny_unknown_fields`.
pub trait Tool: DeserializeOwned + JsonSchema + Validate + Send + 'static {
    /// The server that offers it.
    type Server: Server;
    /// What it answers.
    type Output: ToolOutput;
    /// What it is, and the policy that holds for every call.
    const SPEC: ToolSpec;

    /// Does the work. Everything else, from authentication to the audit log, has been done or will be.
    fn call(
        self,
        server: &Self::Server,
        context: &CallContext,
    ) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// A tool whose name, arguments and text a deployment decides, such as a query of the operator's own.
///
/// It passes the same pipeline as a [`Tool`]; what the compiler checks there, its maker checks when the
/// configuration is read.
pub trait ConfiguredTool: fmt::Debug + Send + Sync + 'static {
    /// The server that offers it.
    type Server: Server;
    /// What it answers.
    type Output: ToolOutput;

    /// What it is, and the policy that holds for every call.
    fn spec(&self) -> ToolSpec;

    /// What the model reads.
    fn description(&self) -> &str;

    /// The JSON Schema of its arguments: an object without additional properties.
    fn input_schema(&self) -> JsonObject;

    /// Checks the arguments against that schema, before the call is admitted.
    ///
    /// # Errors
    /// When one is missing, unknown or of another type.
    fn check(&self, arguments: &JsonObject) -> Result<()>;

    /// Does the work.
    fn call(
        &self,
        arguments: JsonObject,
        server: &Self::Server,
        context: &CallContext,
    ) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// What a tool answers: structured content with a schema, or blocks ([`crate::Unstructured`]).
///
/// It is sent as its type writes it, in the order of its fields; so fields that are flattened into it need names that no
/// other has.
pub trait ToolOutput: Serialize + JsonSchema + Send + 'static {
    /// Whether the answer has fields, and so a schema; without it `take_blocks` is all of the answer.
    const STRUCTURED: bool = true;

    /// The list whose last items may be left out when the answer is over its budget.
    fn page(&self) -> Option<PageCut> {
        None
    }

    /// Takes out the text that is given as it is, in a block of its own, beside the structured content.
    fn take_text(&mut self) -> Option<RawText> {
        None
    }

    /// Takes out the pictures, sounds and texts that follow the structured content, or stand in its place.
    fn take_blocks(&mut self) -> Vec<Block> {
        Vec::new()
    }

    /// The answer as a value. What holds much JSON already hands it over instead of copying it.
    ///
    /// # Errors
    /// When the type cannot be written as JSON.
    fn into_json(self) -> serde_json::Result<Value>
    where
        Self: Sized,
    {
        serde_json::to_value(self)
    }
}

/// One call with checked arguments, ready to be made.
pub(crate) type Prepared<S, A> =
    Box<dyn FnOnce(Arc<S>, CallContext) -> BoxFuture<'static, Result<A>> + Send>;

/// What a tool answered, before it is cleaned and measured.
#[derive(Debug)]
pub(crate) struct ToolAnswer {
    /// The structured content; `None` of a tool that has none.
    pub(crate) structured: Option<Structured>,
    /// The same as JSON, where that was written already.
    pub(crate) json: Option<String>,
    pub(crate) page: Option<PageCut>,
    pub(crate) text: Option<RawText>,
    pub(crate) blocks: Vec<Block>,
}

/// Checks the arguments and binds them to the tool's own code.
pub(crate) fn prepare<T: Tool>(arguments: JsonObject) -> Result<Prepared<T::Server, ToolAnswer>> {
    let call: T = arguments::parse(arguments)?;
    Ok(Box::new(move |server, context| {
        async move { Ok(ToolAnswer::of(call.call(&server, &context).await?)) }.boxed()
    }))
}

/// Checks the arguments and binds them to a configured tool.
pub(crate) fn prepare_configured<T: ConfiguredTool>(
    tool: &Arc<T>,
    arguments: JsonObject,
) -> Result<Prepared<T::Server, ToolAnswer>> {
    tool.check(&arguments)?;
    let tool = Arc::clone(tool);
    Ok(Box::new(move |server, context| {
        async move { Ok(ToolAnswer::of(tool.call(arguments, &server, &context).await?)) }.boxed()
    }))
}

impl ToolAnswer {
    /// Makes the structured content a value, which is from now on what counts: a text written before may say it in
    /// another order.
    pub(crate) fn make_value(&mut self) -> Result<()> {
        if let Some(structured) = self.structured.take() {
            self.structured = Some(Structured::Value(structured.into_value()?));
            self.json = None;
        }
        Ok(())
    }

    fn of<O: ToolOutput>(mut output: O) -> Self {
        let (page, text, blocks) = (output.page(), output.take_text(), output.take_blocks());
        let stands_alone = O::STRUCTURED && text.is_none() && blocks.is_empty();
        // Most answers are sent as this text; what is longer is not looked at in one piece.
        let json = stands_alone.then(|| json_within(&output, OFFLOAD_BYTES)).flatten();
        let structured = O::STRUCTURED.then(|| Structured::later(|| output.into_json()));
        Self { structured, json, page, text, blocks }
    }
}
