//! The only `impl ServerHandler`: each method of the protocol finds what is asked for and hands it to the
//! pipeline. The SDK's server type is private to this crate, so that nothing gets past it.

use std::borrow::Cow;

use mcp_auth::Principal;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        CompletionInfo, CustomRequest, CustomResult, DiscoverResult, ErrorCode,
        GetPromptRequestParams, GetPromptResponse, GetPromptResult, InitializeRequestParams,
        InitializeResult, JsonObject, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Reference,
        Resource as ResourceDefinition, ResourceContents, ServerConfig, SubscribeRequestParams,
        SubscriptionFilter, Tool as ToolDefinition, UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};

use crate::{
    Policy, PromptPart, ResourceBody, ResourcePage, Server, SideEffect,
    app::App,
    caller::Caller,
    catalog::{RegisteredPrompt, RegisteredResource},
    pipeline::{self, Answer, Completed, Operation},
    reload::InForce,
    reply,
    subscriptions::Subscriptions,
    tool::{Prepared, ToolAnswer},
};

/// What we serve: the stateless protocol, and every revision with a handshake since Streamable HTTP.
const VERSIONS: &[ProtocolVersion] = &[
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// How long a list of tools, templates or prompts may be kept: it changes with the configuration only.
const LIST_TTL_MS: u64 = 60_000;

/// What a handler lives as long as.
#[derive(Clone, Debug)]
pub(crate) enum Connection {
    /// A client on stdin and stdout, who is this principal.
    Stdio(Principal),
    /// One HTTP request, which brings its principal.
    Request,
    /// A session of the legacy protocol over HTTP; each of its requests brings its principal.
    Session,
}

impl Connection {
    /// Whether there is no stream on which notices could follow an answer.
    fn is_one_request(&self) -> bool {
        matches!(self, Self::Request)
    }
}

/// Serves one connection, session or request of a server.
pub(crate) struct Handler<S: Server> {
    app: InForce<App<S>>,
    connection: Connection,
    subscriptions: Subscriptions,
}

impl<S: Server> Handler<S> {
    pub(crate) fn new(app: InForce<App<S>>, connection: Connection) -> Self {
        Self { app, connection, subscriptions: Subscriptions::default() }
    }

    fn caller(&self, context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        let stdio = match &self.connection {
            Connection::Stdio(principal) => Some(principal),
            Connection::Request | Connection::Session => None,
        };
        Caller::of(context, stdio).ok_or_else(|| {
            ErrorData::internal_error("an unauthenticated request reached dispatch", None)
        })
    }
}

/// What several methods need of the application in force.
impl<S: Server> App<S> {
    /// Runs an operation that reads, under the policy of what it reads.
    async fn read<A: Answer>(
        &self,
        caller: &Caller,
        method: &'static str,
        (target, policy): (&'static str, &Policy),
        call: Prepared<S, A>,
    ) -> Result<Completed<A::Fitted>, ErrorData> {
        let operation = Operation {
            method,
            target,
            policy,
            effect: SideEffect::Read,
            limits: None,
            audited: &[],
            arguments: JsonObject::new(),
            prepare: Box::new(move |_none| Ok(call)),
        };
        pipeline::run(self, caller, operation)
            .await
            .map_err(|failed| reply::protocol_error(&failed))
    }

    /// Admits a subscription under the policy of the resource that it tells of.
    async fn admit_subscription(
        &self,
        caller: &Caller,
        resource: &RegisteredResource<S>,
    ) -> Result<(), ErrorData> {
        let nothing: Prepared<S, Vec<String>> =
            Box::new(|_server, _context| Box::pin(async { Ok(Vec::new()) }));
        let under = (resource.spec.kind.uri, &resource.spec.policy);
        self.read(caller, "subscriptions/listen", under, nothing).await.map(drop)
    }

    fn find_resource(&self, uri: &str) -> Result<(&RegisteredResource<S>, JsonObject), ErrorData> {
        self.catalog.find_resource(uri).ok_or_else(|| {
            ErrorData::resource_not_found(format!("no resource `{}`", self.quote(uri)), None)
        })
    }

    fn find_prompt(&self, name: &str) -> Result<&RegisteredPrompt<S>, ErrorData> {
        self.catalog.find_prompt(name).ok_or_else(|| {
            ErrorData::invalid_params(format!("Unknown prompt: {}", self.quote(name)), None)
        })
    }
}

impl<S: Server> ServerHandler for Handler<S> {
    fn get_info(&self) -> ServerConfig {
        let app = self.app.now();
        app.info.clone()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(VERSIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        context.peer.set_peer_info(request.clone());
        let mut result = self.negotiate_initialize(&request)?;
        if self.connection.is_one_request() {
            // Without a session there is no stream on which notices could reach a legacy client.
            if let Some(resources) = &mut result.capabilities.resources {
                (resources.subscribe, resources.list_changed) = (None, None);
            }
        }
        result.meta = Some(reply::meta(&app, &caller));
        Ok(result)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        let mut result = DiscoverResult::from_server_info(VERSIONS.to_vec(), app.info.clone());
        result.meta.get_or_insert_default().0.extend(reply::meta(&app, &caller).0);
        Ok(result)
    }

    /// Lets the SDK check `Mcp-Param-*` headers against the tool's schema.
    fn get_tool(&self, name: &str) -> Option<ToolDefinition> {
        let app = self.app.now();
        app.catalog.find_tool(name).map(|tool| tool.definition.clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        only_page(request)?;
        let tools = app.catalog.tools().iter().map(|tool| tool.definition.clone()).collect();
        let mut result = ListToolsResult::with_all_items(tools)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public);
        result.meta = Some(reply::meta(&app, &caller));
        Ok(reply::for_era(result, &caller))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        let Some(tool) = app.catalog.find_tool(&request.name) else {
            app.recorder.unknown(&caller, "tools/call");
            let message = format!("Unknown tool: {}", app.quote(&request.name));
            return Err(ErrorData::invalid_params(message, None));
        };
        let operation: Operation<'_, S, ToolAnswer> = Operation {
            method: "tools/call",
            target: tool.spec.kind.name,
            policy: &tool.spec.policy,
            effect: tool.spec.kind.effect,
            limits: app.guards.of_tool(tool.spec.kind.name),
            audited: tool.spec.kind.audited,
            arguments: request.arguments.unwrap_or_default(),
            prepare: Box::new(|arguments| (tool.prepare)(arguments)),
        };
        let ended = pipeline::run(&app, &caller, operation).await;
        Ok(reply::tool_result(&app, &caller, ended).into())
    }

    async fn list_resources(
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

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        only_page(request)?;
        let templates = app.catalog.resources().iter().filter(|it| !it.template.is_fixed());
        let templates = templates.map(RegisteredResource::template_definition).collect();
        let mut result = ListResourceTemplatesResult::with_all_items(templates)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public);
        result.meta = Some(reply::meta(&app, &caller));
        Ok(reply::for_era(result, &caller))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        let (resource, variables) = app.find_resource(&request.uri)?;
        let operation: Operation<'_, S, ResourceBody> = Operation {
            method: "resources/read",
            target: resource.spec.kind.uri,
            policy: &resource.spec.policy,
            effect: SideEffect::Read,
            limits: None,
            audited: &[],
            arguments: variables,
            prepare: Box::new(|variables| (resource.read)(variables)),
        };
        let completed = pipeline::run(&app, &caller, operation)
            .await
            .map_err(|failed| reply::protocol_error(&failed))?;
        let meta = reply::meta_of(&app, &caller, &completed);
        let contents = ResourceContents::text(completed.answer, request.uri)
            .with_mime_type(resource.spec.kind.media_type);
        let mut result = ReadResourceResult::new(vec![contents])
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private);
        result.meta = Some(meta);
        Ok(reply::for_era(result, &caller).into())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        only_page(request)?;
        let prompts = app.catalog.prompts().iter().map(|it| it.definition.clone()).collect();
        let mut result = ListPromptsResult::with_all_items(prompts)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public);
        result.meta = Some(reply::meta(&app, &caller));
        Ok(reply::for_era(result, &caller))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        let prompt = app.find_prompt(&request.name)?;
        let arguments = request.arguments.into_iter().flatten();
        let operation: Operation<'_, S, Vec<PromptPart>> = Operation {
            method: "prompts/get",
            target: prompt.spec.kind.name,
            policy: &prompt.spec.policy,
            effect: SideEffect::Read,
            limits: None,
            audited: &[],
            arguments: arguments.collect(),
            prepare: Box::new(prompt.render),
        };
        let completed = pipeline::run(&app, &caller, operation)
            .await
            .map_err(|failed| reply::protocol_error(&failed))?;
        let meta = reply::meta_of(&app, &caller, &completed);
        let mut result = GetPromptResult::new(reply::prompt_messages(completed));
        result.description.clone_from(&prompt.definition.description);
        result.meta = Some(meta);
        Ok(result.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        let (name, typed) = (request.argument.name, request.argument.value);
        let (under, call) = match &request.r#ref {
            Reference::Prompt(reference) => {
                let prompt = app.find_prompt(&reference.name)?;
                let under = (prompt.spec.kind.name, &prompt.spec.policy);
                (under, (prompt.complete)(name, typed))
            }
            Reference::Resource(reference) => {
                let resource = app.catalog.find_template(&reference.uri).ok_or_else(|| {
                    let uri = app.quote(&reference.uri);
                    ErrorData::invalid_params(format!("Unknown resource template: {uri}"), None)
                })?;
                let under = (resource.spec.kind.uri, &resource.spec.policy);
                (under, (resource.complete)(name, typed))
            }
            _ => {
                return Err(ErrorData::invalid_params("this kind of reference is not known", None));
            }
        };
        let values = app.read(&caller, "completion/complete", under, call).await?.answer;
        let info = CompletionInfo::new(values)
            .map_err(|problem| ErrorData::internal_error(problem, None))?;
        let mut result = CompleteResult::new(info);
        result.meta = Some(reply::meta(&app, &caller));
        Ok(result)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let app = self.app.now();
        Some(Subscriptions::accepted(requested, |uri| app.catalog.find_resource(uri).is_some()))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let caller = self.caller(context.request_context())?;
        let app = self.app.now();
        // Listening begins before admission, so that nothing is missed in between.
        let feed = app.changes.listen();
        for uri in context.accepted().resource_subscriptions.iter().flatten() {
            app.admit_subscription(&caller, app.find_resource(uri)?.0).await?;
        }
        if context.accepted().resources_list_changed == Some(true) {
            for listed in app.catalog.resources().iter().filter(|it| it.spec.kind.listed) {
                app.admit_subscription(&caller, listed).await?;
            }
        }
        let stopping = app.stopping.clone();
        // A stream is long: it must not keep what a reload has replaced.
        drop(app);
        crate::subscriptions::forward(feed, &context, &stopping).await;
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        if self.connection.is_one_request() {
            return Err(ErrorData::new(
                ErrorCode::METHOD_NOT_FOUND,
                "resources/subscribe needs a session; use subscriptions/listen of 2026-07-28",
                None,
            ));
        }
        app.admit_subscription(&caller, app.find_resource(&request.uri)?.0).await?;
        self.subscriptions.add(request.uri, &context.peer, &app.changes)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.remove(&request.uri);
        Ok(())
    }

    /// A known method whose parameters do not parse falls through to here in the SDK, past every other
    /// method of this type: it is a fault of the message, not an unknown method.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        const KNOWN: [&str; 13] = [
            "completion/complete",
            "initialize",
            "prompts/get",
            "prompts/list",
            "resources/list",
            "resources/read",
            "resources/subscribe",
            "resources/templates/list",
            "resources/unsubscribe",
            "server/discover",
            "subscriptions/listen",
            "tools/call",
            "tools/list",
        ];
        let caller = self.caller(&context)?;
        let app = self.app.now();
        match KNOWN.iter().find(|method| **method == request.method) {
            Some(method) => {
                app.recorder.malformed(&caller, method);
                Err(ErrorData::invalid_params(format!("malformed params for {method}"), None))
            }
            None => Err(ErrorData::new(
                ErrorCode::METHOD_NOT_FOUND,
                format!("Unknown method: {}", app.quote(&request.method)),
                None,
            )),
        }
    }
}

/// These lists are one page; a cursor is one that we never gave.
fn only_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
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
