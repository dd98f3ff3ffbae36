//! Prompts: what a person may ask for by name.

use std::future::Future;

use futures::FutureExt;
use mcp_errors::Result;
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use validator::Validate;

use crate::{Block, CallContext, PromptSpec, Server, arguments, tool::Prepared};

/// A prompt: the value of the type is one request's arguments.
///
/// The doc comment of the type is the description that a client shows, the fields' comments describe the
/// arguments.
pub trait Prompt: DeserializeOwned + JsonSchema + Validate + Send + 'static {
    /// The server that offers it.
    type Server: Server;
    /// What it is called, and the policy that holds for every request.
    const SPEC: PromptSpec;

    /// Writes the messages.
    fn render(
        self,
        server: &Self::Server,
        context: &CallContext,
    ) -> impl Future<Output = Result<Vec<PromptPart>>> + Send;

    /// Completes the argument `name` from what has been typed; at most 100 values are used.
    fn complete(
        _server: &Self::Server,
        _name: &str,
        _typed: &str,
        _context: &CallContext,
    ) -> impl Future<Output = Result<Vec<String>>> + Send {
        async { Ok(Vec::new()) }
    }
}

/// One user message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptPart {
    /// Our own words: what the model is asked to do.
    Instruction(String),
    /// Somebody else's words: cleaned and wrapped as data before they are sent.
    Outside(String),
    /// A picture, a sound or a text with an address: cleaned where it is text.
    Block(Block),
}

impl PromptPart {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Instruction(text) | Self::Outside(text) => text,
            Self::Block(block) => block.text(),
        }
    }

    pub(crate) fn block(&self) -> Option<&Block> {
        match self {
            Self::Block(block) => Some(block),
            Self::Instruction(_) | Self::Outside(_) => None,
        }
    }
}

pub(crate) fn prepare_render<P: Prompt>(
    arguments: JsonObject,
) -> Result<Prepared<P::Server, Vec<PromptPart>>> {
    let prompt: P = arguments::parse(arguments)?;
    Ok(Box::new(move |server, context| {
        async move { prompt.render(&server, &context).await }.boxed()
    }))
}

pub(crate) fn prepare_complete<P: Prompt>(
    name: String,
    typed: String,
) -> Prepared<P::Server, Vec<String>> {
    Box::new(move |server, context| {
        async move { P::complete(&server, &name, &typed, &context).await }.boxed()
    })
}
