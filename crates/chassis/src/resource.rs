//! Resources: one address, or a family of them under a URI template.

use std::future::Future;

use futures::FutureExt;
use mcp_errors::Result;
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::Validate;

use crate::{CallContext, ResourceSpec, Server, arguments, tool::Prepared};

/// A resource: the value of the type holds the variables of its URI template.
///
/// The doc comment of the type is the description that a client reads.
pub trait Resource: DeserializeOwned + JsonSchema + Validate + Send + 'static {
    /// The server that offers it.
    type Server: Server;
    /// Where it stands, and the policy that holds for every read.
    const SPEC: ResourceSpec;

    /// Reads it.
    fn read(
        self,
        server: &Self::Server,
        context: &CallContext,
    ) -> impl Future<Output = Result<ResourceBody>> + Send;

    /// Lists what stands under the template now; a template without a listing offers nothing here.
    fn list(
        _server: &Self::Server,
        _cursor: Option<String>,
        _context: &CallContext,
    ) -> impl Future<Output = Result<ResourcePage>> + Send {
        async { Ok(ResourcePage::default()) }
    }

    /// Completes the variable `name` from what has been typed; at most 100 values are used.
    fn complete(
        _server: &Self::Server,
        _name: &str,
        _typed: &str,
        _context: &CallContext,
    ) -> impl Future<Output = Result<Vec<String>>> + Send {
        async { Ok(Vec::new()) }
    }
}

/// What stands in a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum ResourceBody {
    /// Structured data.
    Json(Value),
    /// Text of the media type that the specification names.
    Text(String),
    /// Bytes of the media type that the specification names.
    Bytes(Vec<u8>),
}

/// One line of `resources/list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceEntry {
    /// The address to read.
    pub uri: String,
    /// A short name.
    pub name: String,
    /// What a person reads.
    pub title: String,
}

/// A page of `resources/list`.
#[derive(Clone, Debug, Default)]
pub struct ResourcePage {
    /// In the order in which a client shows them.
    pub entries: Vec<ResourceEntry>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

impl ResourcePage {
    /// Every text of the page that came from outside.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().flat_map(|entry| [entry.title.as_str(), entry.name.as_str()])
    }
}

pub(crate) fn prepare_read<R: Resource>(
    variables: JsonObject,
) -> Result<Prepared<R::Server, ResourceBody>> {
    let address: R = arguments::parse(variables)?;
    Ok(Box::new(move |server, context| {
        async move { address.read(&server, &context).await }.boxed()
    }))
}

pub(crate) fn prepare_list<R: Resource>(
    cursor: Option<String>,
) -> Prepared<R::Server, ResourcePage> {
    Box::new(move |server, context| async move { R::list(&server, cursor, &context).await }.boxed())
}

pub(crate) fn prepare_complete<R: Resource>(
    name: String,
    typed: String,
) -> Prepared<R::Server, Vec<String>> {
    Box::new(move |server, context| {
        async move { R::complete(&server, &name, &typed, &context).await }.boxed()
    })
}
