//! The same echo on the chassis: every guard of a deployment in front of it, its text from outside.

use std::process::ExitCode;

use mcp_chassis::{
    Budget, CallContext, Catalog, Reader, Result, Server, Settings, StartError, Tool, ToolOutput,
    ToolSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// Nothing to decide.
#[derive(Debug)]
struct Config;

impl Settings for Config {
    fn read(_reader: &mut Reader<'_>) -> Self {
        Self
    }
}

/// A domain of one tool.
#[derive(Debug)]
struct Echo;

impl Server for Echo {
    const NAME: &'static str = "echo";
    const TITLE: &'static str = "Echo";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const INSTRUCTIONS: &'static str = "Says back what it is told.";

    type Config = Config;

    fn register(catalog: &mut Catalog<Self>) {
        catalog.tool::<Say>();
    }

    async fn start(_config: Config) -> Result<Self, StartError> {
        Ok(Self)
    }
}

/// Says back what it is told.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct Say {
    /// What is said back
    #[validate(length(max = 1_000))]
    message: String,
}

/// What was said.
#[derive(Debug, Serialize, JsonSchema)]
struct Said {
    /// As it was said
    message: String,
}

impl ToolOutput for Said {}

impl Tool for Say {
    type Server = Echo;
    type Output = Said;

    const SPEC: ToolSpec = ToolSpec::read("echo", "Echo")
        .scopes(&["echo:read"])
        .deadline_secs(5)
        .output_budget(Budget::tokens(1_000))
        .outside_text(&["echo"])
        .audited(&["message"]);

    async fn call(self, _server: &Echo, _context: &CallContext) -> Result<Said> {
        Ok(Said { message: self.message })
    }
}

fn main() -> ExitCode {
    mcp_chassis::main::<Echo>()
}
