//! A resource and a prompt whose every function panics.

use mcp_chassis::{
    Budget, CallContext, Prompt, PromptPart, PromptSpec, Resource, ResourceBody, ResourcePage,
    ResourceSpec, Result,
};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::server::Toy;

/// Cannot be read, listed or completed.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
pub(crate) struct Broken {
    /// Any
    #[expect(dead_code, reason = "only parsed")]
    name: String,
}

#[expect(clippy::panic, reason = "what the suite looks at")]
impl Resource for Broken {
    type Server = Toy;

    const SPEC: ResourceSpec = ResourceSpec::at("broken://{name}", "broken", "Broken")
        .scopes(&["toy:read"])
        .deadline_secs(5)
        .output_budget(Budget::tokens(1_000))
        .listed();

    async fn read(self, _server: &Toy, _context: &CallContext) -> Result<ResourceBody> {
        panic!("reading")
    }

    async fn list(
        _server: &Toy,
        _cursor: Option<String>,
        _context: &CallContext,
    ) -> Result<ResourcePage> {
        panic!("listing")
    }

    async fn complete(
        _server: &Toy,
        _name: &str,
        _typed: &str,
        _context: &CallContext,
    ) -> Result<Vec<String>> {
        panic!("completing")
    }
}

/// Cannot be rendered or completed.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
pub(crate) struct BrokenPrompt {}

#[expect(clippy::panic, reason = "what the suite looks at")]
impl Prompt for BrokenPrompt {
    type Server = Toy;

    const SPEC: PromptSpec = PromptSpec::named("broken_prompt", "Broken prompt")
        .scopes(&["toy:read"])
        .deadline_secs(5)
        .output_budget(Budget::tokens(1_000));

    async fn render(self, _server: &Toy, _context: &CallContext) -> Result<Vec<PromptPart>> {
        panic!("rendering")
    }

    async fn complete(
        _server: &Toy,
        _name: &str,
        _typed: &str,
        _context: &CallContext,
    ) -> Result<Vec<String>> {
        panic!("completing")
    }
}
