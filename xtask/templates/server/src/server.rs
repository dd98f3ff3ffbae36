//! The server: what it offers, and what it stands on.

use mcp_chassis::{Catalog, Server, StartError};

use crate::{Config, client::Client, prompts::SummarizeItem, resources::ItemResource, tools};

/// The example domain over MCP.
#[derive(Debug)]
pub struct ExampleDomain {
    pub(crate) client: Client,
}

impl Server for ExampleDomain {
    const NAME: &'static str = "example-domain";
    const TITLE: &'static str = "Example domain";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const INSTRUCTIONS: &'static str = "Items of the example domain. Read one before you write another like it.";

    type Config = Config;

    fn register(catalog: &mut Catalog<Self>) {
        catalog.tool::<tools::GetItem>().tool::<tools::CreateItem>();
        catalog.resource::<ItemResource>().prompt::<SummarizeItem>();
    }

    async fn start(config: Config) -> Result<Self, StartError> {
        Ok(Self { client: Client::new(config).await? })
    }
}
