//! The internal-data server: what it offers, and what it stands on.

use mcp_chassis::{Catalog, Check, Icon, Server, StartError};

use crate::{Config, client::Client, collections::Collections, tools};

/// Internal data over MCP.
#[derive(Debug)]
pub struct InternalData {
    pub(crate) client: Client,
    pub(crate) collections: Collections,
}

// There are no readiness checks: a replica that takes itself out because the internal API fails could not even answer
// with what it keeps.
impl Server for InternalData {
    const NAME: &'static str = "internal-data";
    const TITLE: &'static str = "Internal data";
    const ICON: Option<Icon> = Some(Icon::svg(include_str!("../icon.svg")));
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const INSTRUCTIONS: &'static str = "Read-only internal data: records of named collections, user profiles and \
        metrics. Call `list_collections` first and `describe_collection` for the fields to filter by. Values that read \
        `[redacted]` need a scope that `redacted` names: say so instead of guessing them. When an answer has `sample`, \
        nothing in it is real.";
    // Each read may cost the internal API a scan.
    const RATE_LIMIT: &'static str = "100/15m";

    type Config = Config;

    fn register(catalog: &mut Catalog<Self>) {
        tools::register(catalog);
    }

    async fn diagnose(&self) -> Vec<Check> {
        self.client.diagnose(&self.collections).await.into_iter().collect()
    }

    async fn start(config: Config) -> Result<Self, StartError> {
        if config.upstream.is_none() {
            tracing::warn!("INTERNAL_API_URL is not set: every answer is embedded sample data");
        }
        let Config { upstream, key, collections, lifetimes } = config;
        Ok(Self { client: Client::new(upstream, key, lifetimes).await?, collections })
    }
}
