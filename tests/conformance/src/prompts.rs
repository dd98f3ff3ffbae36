//! Prompts of every kind: plain, with arguments, with a resource, with a picture, and one that asks first.

use mcp_chassis::{Block, CallContext, Catalog, Embedded, Prompt, PromptPart, PromptSpec, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    asking::{field, form},
    contents::picture,
    server::{Conformance, SCOPES, SMALL},
};

macro_rules! prompts {
    ($(
        $(#[doc = $doc:literal])+
        $type:ident { $($(#[$field_attribute:meta])* $field:ident: $field_type:ty),* }
        = $name:literal $(.$special:ident())*
        => |$this:ident, $context:ident| $parts:expr;
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Deserialize, JsonSchema, Validate)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $type { $($(#[$field_attribute])* $field: $field_type),* }

            impl Prompt for $type {
                type Server = Conformance;

                const SPEC: PromptSpec = PromptSpec::named($name, $name)
                    .scopes(SCOPES)
                    .deadline_secs(5)
                    .output_budget(SMALL)
                    .own_text()
                    $(.$special())*;

                async fn render(
                    self,
                    _server: &Conformance,
                    context: &CallContext,
                ) -> Result<Vec<PromptPart>> {
                    let ($this, $context) = (&self, context);
                    Ok($parts)
                }
            }
        )+

        /// Offers every prompt of this file.
        pub(crate) fn register(catalog: &mut Catalog<Conformance>) {
            $(catalog.prompt::<$type>();)+
        }
    };
}

fn says(text: impl Into<String>) -> PromptPart {
    PromptPart::Instruction(text.into())
}

prompts! {
    /// A simple prompt without arguments.
    Simple {} = "test_simple_prompt" => |_it, _context| {
        vec![says("This is a simple prompt for testing.")]
    };

    /// A prompt with two arguments.
    WithArguments {
        /// The first
        #[validate(length(max = 100))]
        arg1: String,
        /// The second
        #[validate(length(max = 100))]
        arg2: String
    } = "test_prompt_with_arguments" => |it, _context| {
        vec![says(format!("Prompt with arguments: arg1='{}', arg2='{}'", it.arg1, it.arg2))]
    };

    /// A prompt with a resource in it.
    WithResource {
        /// The address of the resource
        #[serde(rename = "resourceUri")]
        #[validate(length(max = 200))]
        resource_uri: String
    } = "test_prompt_with_embedded_resource" => |it, _context| {
        let resource = Embedded {
            uri: it.resource_uri.clone(),
            media_type: "text/plain".to_owned(),
            text: "Embedded resource content for testing.".to_owned(),
        };
        let resource = PromptPart::Block(Block::Resource(resource));
        vec![resource, says("Please process the embedded resource above.")]
    };

    /// A prompt with a picture in it.
    WithImage {} = "test_prompt_with_image" => |_it, _context| {
        vec![PromptPart::Block(picture()), says("Please analyze the image above.")]
    };

    /// A prompt that asks before it is written.
    Asking {} = "test_input_required_result_prompt".asks() => |_it, context| {
        let question = form("What context should the prompt use?", "context")?;
        let answers = context.ask([("user_context", question)]).await?;
        vec![says(format!("Context: {}", field(&answers, "user_context", "context")))]
    };
}
