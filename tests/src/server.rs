//! The toy as a domain server.

use mcp_chassis::{Catalog, Hooks, Reader, Server, Settings, StartError};

use crate::hooks::Meddling;
use crate::resources::{Broken, BrokenPrompt};
use crate::tools::{Block, Count, Hold, Hostile, Huge, Panic, Write};

/// How the toy's hooks misbehave.
#[derive(Debug)]
pub(crate) struct Config {
    hook: String,
}

impl Settings for Config {
    fn read(reader: &mut Reader<'_>) -> Self {
        let hook = reader.or("TOY_HOOK", "none", "how the hook misbehaves").value();
        Self { hook }
    }
}

/// A domain of faults.
#[derive(Debug)]
pub(crate) struct Toy {
    hooks: Meddling,
}

impl Server for Toy {
    const NAME: &'static str = "toy";
    const TITLE: &'static str = "Toy";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const INSTRUCTIONS: &'static str = "Misbehaves on request.";

    type Config = Config;

    fn register(catalog: &mut Catalog<Self>) {
        catalog
            .tool::<Panic>()
            .tool::<Hold>()
            .tool::<Block>()
            .tool::<Count>()
            .tool::<Huge>()
            .tool::<Hostile>()
            .tool::<Write>()
            .resource::<Broken>()
            .prompt::<BrokenPrompt>();
    }

    async fn start(config: Config) -> Result<Self, StartError> {
        Ok(Self { hooks: Meddling::new(config.hook) })
    }

    fn hooks(&self) -> &dyn Hooks {
        &self.hooks
    }
}
