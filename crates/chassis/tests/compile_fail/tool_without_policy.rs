//! A tool without any policy.

use mcp_chassis::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

#[derive(Debug)]
struct Toy;

impl Server for Toy {
    const NAME: &'static str = "toy";
    const TITLE: &'static str = "Toy";
    const VERSION: &'static str = "1";
    const INSTRUCTIONS: &'static str = "Say something.";

    type Config = Nothing;

    fn register(catalog: &mut Catalog<Self>) {
        catalog.tool::<Say>();
    }

    async fn start(_config: Nothing) -> std::result::Result<Self, StartError> {
        Ok(Self)
    }
}

struct Nothing;

impl Settings for Nothing {
    fn read(_reader: &mut Reader<'_>) -> Self {
        Self
    }
}

/// Says something.
#[derive(Deserialize, JsonSchema, Validate)]
struct Say {}

#[derive(Serialize, JsonSchema)]
struct Said {}

impl ToolOutput for Said {}

impl Tool for Say {
    type Server = Toy;
    type Output = Said;

    async fn call(self, _server: &Toy, _context: &CallContext) -> Result<Said> {
        Ok(Said {})
    }
}

fn main() {}
