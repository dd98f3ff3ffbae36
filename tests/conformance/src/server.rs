//! The conformance server as a domain, and how its tools are declared.

use mcp_chassis::{
    Block, Budget, Catalog, Features, Reader, Server, Settings, StartError, Unstructured,
};

use crate::{asking, contents, prompts, resources, schemas, tasks};

/// The one scope of everything here.
pub(crate) const SCOPES: &[&str] = &["conformance:use"];

/// Everything here is short.
pub(crate) const SMALL: Budget = Budget::tokens(2_000);

/// Nothing is configured.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Settings for Nothing {
    fn read(_reader: &mut Reader<'_>) -> Self {
        Self
    }
}

/// What the suite expects.
#[derive(Debug)]
pub(crate) struct Conformance;

impl Server for Conformance {
    const NAME: &'static str = "conformance";
    const TITLE: &'static str = "Conformance";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const INSTRUCTIONS: &'static str = "Answers the official conformance suite.";
    const FEATURES: Features =
        Features { logging: true, changing_tools: true, changing_prompts: true };

    type Config = Nothing;

    fn register(catalog: &mut Catalog<Self>) {
        contents::register(catalog);
        asking::register(catalog);
        tasks::register(catalog);
        resources::register(catalog);
        prompts::register(catalog);
        catalog.configured_tool(schemas::JsonSchema202012);
    }

    async fn start(_config: Nothing) -> Result<Self, StartError> {
        Ok(Self)
    }
}

/// An answer of one text.
pub(crate) fn text(text: impl Into<String>) -> Unstructured {
    Unstructured(vec![Block::Text(text.into())])
}

/// Declares tools of one shape: a type with its arguments, a name, what is special about it, and what a call does.
macro_rules! tools {
    ($(
        $(#[doc = $doc:literal])+
        $type:ident { $($(#[$field_attribute:meta])* $field:ident: $field_type:ty),* }
        = $name:literal $(.$special:ident($($argument:expr),*))*
        => |$this:ident, $context:ident| $call:block
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, serde::Deserialize, schemars::JsonSchema, validator::Validate)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $type { $($(#[$field_attribute])* $field: $field_type),* }

            impl mcp_chassis::Tool for $type {
                type Server = $crate::server::Conformance;
                type Output = mcp_chassis::Unstructured;

                const SPEC: mcp_chassis::ToolSpec = mcp_chassis::ToolSpec::read($name, $name)
                    .scopes($crate::server::SCOPES)
                    .deadline_secs(25)
                    .output_budget($crate::server::SMALL)
                    .own_text()
                    $(.$special($($argument),*))*;

                async fn call(
                    self,
                    _server: &$crate::server::Conformance,
                    context: &mcp_chassis::CallContext,
                ) -> mcp_chassis::Result<mcp_chassis::Unstructured> {
                    let ($this, $context) = (&self, context);
                    $call
                }
            }
        )+

        /// Offers every tool of this file.
        pub(crate) fn register(catalog: &mut mcp_chassis::Catalog<$crate::server::Conformance>) {
            $(catalog.tool::<$type>();)+
        }
    };
}

pub(crate) use tools;
