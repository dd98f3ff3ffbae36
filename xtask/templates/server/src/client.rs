//! The only module that asks anybody: the API that keeps the items.

use mcp_chassis::{CallContext, Result, StartError, ToolOutput, Upstream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Config, tools::CreateItem};

/// An item.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Item {
    /// What `get_item` takes
    id: ItemId,
    /// One line that says what it is
    title: String,
    /// The text, in Markdown
    body: String,
}

impl ToolOutput for Item {}

/// An item's id, which cannot leave its place in an address.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = "^[a-z0-9-]{1,64}$"))]
pub(crate) struct ItemId(pub(crate) String);

impl TryFrom<String> for ItemId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_part = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
        let is_id = (1..=64).contains(&text.len()) && text.bytes().all(is_part);
        if is_id { Ok(Self(text)) } else { Err("must be an id like `welcome-2`") }
    }
}

/// The API under this server's credential.
#[derive(Debug)]
pub(crate) struct Client(Upstream);

impl Client {
    pub(crate) async fn new(config: Config) -> Result<Self, StartError> {
        const AGENT: &str = concat!("mcp-example-domain/", env!("CARGO_PKG_VERSION"));
        let wrong = |error: mcp_chassis::Error| StartError::Config(error.to_string());
        let api = Upstream::new("Example domain", AGENT, &config.api).map_err(wrong)?;
        let Some(key) = config.key else { return Ok(Self(api)) };
        Ok(Self(api.with_credential(key.in_header("x-api-key").await.map_err(wrong)?)))
    }

    pub(crate) async fn item(&self, id: &ItemId, context: &CallContext) -> Result<Item> {
        self.0.get_json(&["v1", "items", &id.0], &[], context.remaining() * 80 / 100).await
    }

    pub(crate) async fn create(&self, item: &CreateItem, context: &CallContext) -> Result<Item> {
        let (key, within) = (context.write().map(|write| &write.key), context.remaining());
        self.0.post_json(&["v1", "items"], item, key, within * 80 / 100).await
    }
}
