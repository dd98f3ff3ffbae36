//! Tools: a type that is its own arguments, with its policy as part of the type.

use std::{fmt, future::Future, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use mcp_errors::{Error, Result};
use mcp_sanitize::PageCut;
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use validator::Validate;

use crate::{Block, CallContext, RawText, Server, ToolSpec, arguments};

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
pub trait ToolOutput: Serialize + JsonSchema + Send {
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

    /// The answer as JSON. What holds much JSON already hands it over instead of copying it.
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
    pub(crate) value: Option<Value>,
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
        async move { ToolAnswer::of(call.call(&server, &context).await?) }.boxed()
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
        async move { ToolAnswer::of(tool.call(arguments, &server, &context).await?) }.boxed()
    }))
}

impl ToolAnswer {
    fn of<O: ToolOutput>(mut output: O) -> Result<Self> {
        let (page, text, blocks) = (output.page(), output.take_text(), output.take_blocks());
        let json = O::STRUCTURED.then(|| output.into_json());
        let value = json.transpose().map_err(Error::internal)?;
        Ok(Self { value, json: None, page, text, blocks })
    }
}
