//! `docs://api-reference`: what the server offers, as Markdown, from what is registered.

use std::{fmt::Write, sync::Arc, time::Duration};

use futures::FutureExt;
use mcp_errors::ErrorKind;
use mcp_sanitize::Budget;
use serde_json::Value;

use crate::{
    Catalog, Policy, ResourceBody, Server,
    catalog::RegisteredResource,
    spec::{ResourceKind, Spec, Trust},
    uri::UriTemplate,
};

const URI: &str = "docs://api-reference";

/// Adds the documentation to what is offered. Whoever may use the first tool may read it.
pub(crate) fn offer<S: Server>(catalog: &mut Catalog<S>) {
    let Some(scopes) = catalog.tools().first().map(|tool| tool.spec.policy.scopes) else { return };
    let text: Arc<str> = render(catalog).into();
    let kind = ResourceKind {
        uri: URI,
        name: "api-reference",
        title: "API reference",
        media_type: "text/markdown",
        listed: false,
    };
    let policy = Policy {
        scopes,
        deadline: Duration::from_secs(5),
        budget: Budget::tokens(50_000),
        trust: Trust::Own,
    };
    catalog.offer(RegisteredResource {
        spec: Spec { kind, policy },
        template: UriTemplate::parse(URI),
        description: "Every tool, resource, prompt and error of this server".to_owned(),
        read: Box::new(move |_nothing| {
            let text = Arc::clone(&text);
            Ok(Box::new(move |_server, _context| {
                async move { Ok(ResourceBody::Text(text.to_string())) }.boxed()
            }))
        }),
        list: |_cursor| Box::new(|_, _| async { Ok(crate::ResourcePage::default()) }.boxed()),
        complete: |_, _| Box::new(|_, _| async { Ok(Vec::new()) }.boxed()),
    });
}

fn render<S: Server>(catalog: &Catalog<S>) -> String {
    let mut page = format!("# {} {}\n\n{}\n\n## Tools\n", S::TITLE, S::VERSION, S::INSTRUCTIONS);
    match sections(catalog, &mut page) {
        Ok(()) => page,
        // Writing to a string cannot fail; half a page would be taken for a whole one.
        Err(std::fmt::Error) => String::new(),
    }
}

fn sections<S: Server>(catalog: &Catalog<S>, page: &mut String) -> std::fmt::Result {
    for tool in catalog.tools() {
        let definition = &tool.definition;
        writeln!(page, "\n### `{}`\n", definition.name)?;
        writeln!(page, "{}\n", definition.description.as_deref().unwrap_or_default())?;
        arguments(&definition.input_schema, page)?;
    }
    writeln!(page, "\n## Resources\n")?;
    for resource in catalog.resources() {
        let kind = resource.spec.kind;
        writeln!(page, "- `{}` ({}): {}", kind.uri, kind.media_type, resource.description)?;
    }
    writeln!(page, "\n## Prompts\n")?;
    for prompt in catalog.prompts() {
        let description = prompt.definition.description.as_deref().unwrap_or_default();
        writeln!(page, "- `{}`: {description}", prompt.spec.name())?;
    }
    writeln!(page, "\n## Errors\n\n| code | try again | meaning |\n|---|---|---|")?;
    for (kind, meaning) in errors() {
        let again = if kind.retryable() { "yes" } else { "no" };
        writeln!(page, "| `{}` | {again} | {meaning} |", kind.code())?;
    }
    Ok(())
}

fn arguments(schema: &rmcp::model::JsonObject, page: &mut String) -> std::fmt::Result {
    let required = schema.get("required").and_then(Value::as_array);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Ok(());
    };
    for (name, property) in properties {
        let needed = required.is_some_and(|names| names.iter().any(|it| it == name));
        let needed = if needed { "" } else { ", optional" };
        let kind = match property.get("type") {
            Some(Value::String(kind)) => kind.clone(),
            Some(Value::Array(kinds)) => {
                let kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
                kinds.collect::<Vec<_>>().join(" or ")
            }
            _ => "value".to_owned(),
        };
        let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
        writeln!(page, "- `{name}` ({kind}{needed}): {description}")?;
    }
    Ok(())
}

/// Every code of a failed call, with its meaning.
fn errors() -> [(ErrorKind, &'static str); 11] {
    let wait = Duration::ZERO;
    [
        (
            ErrorKind::InvalidInput { fields: Vec::new() },
            "an argument was refused; `details.fields` names it",
        ),
        (
            ErrorKind::Forbidden { scopes: Vec::new() },
            "the caller may not do this; `details.required_scopes` says what it needs",
        ),
        (ErrorKind::NotFound, "there is no such thing"),
        (ErrorKind::Conflict, "it changed meanwhile, or the key came with other arguments"),
        (
            ErrorKind::RateLimited { retry_after: wait },
            "the quota is used up; wait `retry_after_ms`",
        ),
        (
            ErrorKind::Overloaded { retry_after: wait },
            "the server sheds load; wait `retry_after_ms`",
        ),
        (ErrorKind::Timeout, "there was no answer within the deadline"),
        (
            ErrorKind::Upstream { service: "".into(), status: None },
            "a system behind this server failed",
        ),
        (ErrorKind::Unavailable, "a system behind this server cannot be reached"),
        (ErrorKind::Cancelled, "the caller withdrew the request"),
        (ErrorKind::Internal, "the server's own fault; quote the request id"),
    ]
}
