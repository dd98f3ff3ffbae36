//! Lists of what is offered, a page at a time.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CacheScope, ListResourcesResult, PaginatedRequestParams, Resource as ResourceDefinition,
    },
    service::RequestContext,
};

use super::{Handler, pages};
use crate::{ResourcePage, Server, catalog::RegisteredResource, reply};

impl<S: Server> Handler<S> {
    /// The fixed addresses first, pages where the client shows them, then what stands under each template that can be listed.
    pub(super) async fn resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        let (index, inner) = reply::split_cursor(request.and_then(|request| request.cursor))?;
        let listed: Vec<_> =
            app.catalog.resources().iter().filter(|it| it.spec.kind.listed).collect();
        let mut entries = Vec::new();
        if index == 0 && inner.is_none() {
            let fixed = app.catalog.resources().iter().filter(|it| it.template.is_fixed());
            entries.extend(fixed.map(RegisteredResource::definition));
            if pages::are_shown(&app, &context) {
                entries.extend(app.catalog.pages().iter().map(|page| pages::entry(page)));
            }
        }
        let mut next_cursor = None;
        if let Some(resource) = listed.get(index) {
            let under = (resource.spec.kind.uri, &resource.spec.policy);
            let call = (resource.list)(inner);
            let page = app.read(&caller, "resources/list", under, call).await?.answer;
            entries.extend(page_entries(resource, &page));
            let following = || (index + 1 < listed.len()).then(|| format!("{}:", index + 1));
            next_cursor = page.next_cursor.map(|next| format!("{index}:{next}")).or_else(following);
        }
        let mut result = ListResourcesResult::with_all_items(entries)
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next_cursor;
        result.meta = Some(reply::meta(&app, &caller));
        Ok(reply::for_era(result, &caller))
    }
}

/// These lists are one page; a cursor is one that we never gave.
pub(super) fn only_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params("`cursor` is not one of this list", None)),
    }
}

fn page_entries<S>(
    resource: &RegisteredResource<S>,
    page: &ResourcePage,
) -> Vec<ResourceDefinition> {
    let entry = |entry: &crate::ResourceEntry| {
        ResourceDefinition::new(entry.uri.as_str(), entry.name.as_str())
            .with_title(entry.title.as_str())
            .with_mime_type(resource.spec.kind.media_type)
    };
    page.entries.iter().map(entry).collect()
}
