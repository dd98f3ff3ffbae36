//! Pages that show what tools answer (MCP Apps, SEP-1865), offered to clients that announce that they show them.
//!
//! A client announces it with the handshake, or with each request since 2026-07-28. For everybody else there are no
//! pages: no tool names one, and their addresses hold nothing.

use futures::FutureExt;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CacheScope, ClientCapabilities, JsonObject, MetaObject, ReadResourceResponse,
        ReadResourceResult, Resource as ResourceDefinition, ResourceContents, ServerCapabilities,
        Tool as ToolDefinition,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use super::LIST_TTL_MS;
use crate::{
    PageSpec, ResourceBody, Server, app::App, caller::Caller, catalog::RegisteredTool,
    pipeline::FittedBody, reply, tool::Prepared,
};

const EXTENSION: &str = "io.modelcontextprotocol/ui";
const MEDIA_TYPE: &str = "text/html;profile=mcp-app";

/// Whether there are pages, and the client of this request shows them.
pub(super) fn are_shown<S: Server>(app: &App<S>, context: &RequestContext<RoleServer>) -> bool {
    !app.catalog.pages().is_empty() && shows_pages(context.client_capabilities().as_ref())
}

/// Tells a client that shows pages that there are some.
pub(super) fn announce<S: Server>(
    app: &App<S>,
    client: Option<&ClientCapabilities>,
    ours: &mut ServerCapabilities,
) {
    if !app.catalog.pages().is_empty() && shows_pages(client) {
        let settings = JsonObject::from_iter([("mimeTypes".to_owned(), json!([MEDIA_TYPE]))]);
        ours.extensions.get_or_insert_default().insert(EXTENSION.to_owned(), settings);
    }
}

/// A tool as a client sees it; with its page, for one that shows pages.
pub(super) fn definition<S>(tool: &RegisteredTool<S>, shows_pages: bool) -> ToolDefinition {
    let mut definition = tool.definition.clone();
    if let Some(page) = tool.spec.kind.page.filter(|_| shows_pages) {
        let page = json!({ "resourceUri": page.kind.uri });
        definition.meta.get_or_insert_default().0.insert("ui".to_owned(), page);
    }
    definition
}

/// A page's line in `resources/list`.
pub(super) fn entry(page: &PageSpec) -> ResourceDefinition {
    ResourceDefinition::new(page.kind.uri, page.kind.name)
        .with_title(page.kind.title)
        .with_mime_type(MEDIA_TYPE)
        .with_meta(needs())
}

/// The page at `uri`, for a client that shows pages.
pub(super) fn find<S: Server>(
    app: &App<S>,
    uri: &str,
    context: &RequestContext<RoleServer>,
) -> Option<&'static PageSpec> {
    let page = app.catalog.pages().iter().find(|page| page.kind.uri == uri)?;
    are_shown(app, context).then_some(*page)
}

/// Reads a page, under its policy.
pub(super) async fn read<S: Server>(
    app: &App<S>,
    caller: &Caller,
    page: &'static PageSpec,
) -> Result<ReadResourceResponse, ErrorData> {
    let whole: Prepared<S, ResourceBody> = Box::new(move |_server, _context| {
        async move { Ok(ResourceBody::Text(page.kind.html.to_owned())) }.boxed()
    });
    let under = (page.kind.uri, &page.policy);
    let completed = app.read(caller, "resources/read", under, whole).await?;
    let meta = reply::meta_of(app, caller, &completed);
    let FittedBody::Text(html) = completed.answer else {
        return Err(ErrorData::internal_error("a page is text", None));
    };
    let contents = ResourceContents::text(html, page.kind.uri).with_mime_type(MEDIA_TYPE);
    // Who may read it, and whether there is one at all, depends on the caller.
    let mut result = ReadResourceResult::new(vec![contents.with_meta(needs())])
        .with_ttl_ms(LIST_TTL_MS)
        .with_cache_scope(CacheScope::Private);
    result.meta = Some(meta);
    Ok(reply::for_era(result, caller).into())
}

/// What a page needs of its host: no origin at all, and a border, since it has none of its own.
fn needs() -> MetaObject {
    let nowhere = json!({
        "connectDomains": [], "resourceDomains": [], "frameDomains": [], "baseUriDomains": [],
    });
    let mut meta = MetaObject::new();
    meta.0.insert("ui".to_owned(), json!({ "csp": nowhere, "prefersBorder": true }));
    meta
}

fn shows_pages(client: Option<&ClientCapabilities>) -> bool {
    let settings = client.and_then(|client| client.extensions.as_ref()?.get(EXTENSION));
    let media_types = settings.and_then(|settings| settings.get("mimeTypes")?.as_array());
    media_types.is_some_and(|known| known.iter().any(|it| it == &Value::from(MEDIA_TYPE)))
}

#[cfg(test)]
mod tests {
    use rmcp::model::ClientCapabilities;
    use serde_json::{Value, json};

    use super::shows_pages;

    fn announces(extensions: &Value) -> bool {
        let client = json!({ "extensions": extensions });
        shows_pages(serde_json::from_value::<ClientCapabilities>(client).ok().as_ref())
    }

    #[test]
    fn a_client_that_shows_pages_names_their_media_type() {
        let html = "text/html;profile=mcp-app";
        assert!(announces(
            &json!({ "io.modelcontextprotocol/ui": { "mimeTypes": ["x/y", html] } })
        ));
        for without in [
            json!({}),
            json!({ "io.modelcontextprotocol/ui": {} }),
            json!({ "io.modelcontextprotocol/ui": { "mimeTypes": [] } }),
            json!({ "io.modelcontextprotocol/ui": { "mimeTypes": html } }),
            json!({ "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html"] } }),
            json!({ "com.example/ui": { "mimeTypes": [html] } }),
        ] {
            assert!(!announces(&without), "{without}");
        }
        assert!(!shows_pages(None));
    }
}
