//! The only `impl ServerHandler`: each method of the protocol finds what is asked for and hands it to the
//! pipeline. The SDK's server type is private to this crate, so that nothing gets past it.
#![expect(deprecated, reason = "log messages serve clients that still want them (SEP-2577)")]

mod calls;
mod lists;
mod pages;
mod prompts;
mod tasks;

use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
};

use mcp_auth::Principal;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams,
        CompleteRequestParams, CompleteResult, CustomRequest, CustomResult, DiscoverResult,
        ErrorCode, GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult,
        InitializeRequestParams, InitializeResult, JsonObject, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
        PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, ResourceContents, ServerConfig, SetLevelRequestMethod,
        SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool as ToolDefinition,
        UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::json;

use crate::{
    Policy, ResourceBody, Server, SideEffect,
    app::App,
    caller::Caller,
    catalog::{RegisteredPrompt, RegisteredResource},
    content,
    pipeline::{self, Answer, Completed, Failed, FittedBody, Operation},
    reload::InForce,
    reply,
    subscriptions::Subscriptions,
    tool::Prepared,
};
use lists::only_page;

/// What we serve: the stateless protocol, and every revision with a handshake since Streamable HTTP.
const VERSIONS: &[ProtocolVersion] = &[
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// How much of an unknown address an error repeats, in bytes.
const MAX_TOLD_URI: usize = 2_048;

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
    /// What a legacy client asked to be told of.
    wanted_level: Mutex<LoggingLevel>,
}

impl<S: Server> Handler<S> {
    pub(crate) fn new(app: InForce<App<S>>, connection: Connection) -> Self {
        let wanted_level = Mutex::new(LoggingLevel::Info);
        Self { app, connection, subscriptions: Subscriptions::default(), wanted_level }
    }

    /// From which level on the client is told what happens; `None`: of nothing.
    fn log_level(
        &self,
        caller: &Caller,
        context: &RequestContext<RoleServer>,
    ) -> Option<LoggingLevel> {
        if !S::FEATURES.logging {
            return None;
        }
        if caller.is_modern() {
            return context.meta.log_level();
        }
        Some(*self.wanted_level.lock().unwrap_or_else(PoisonError::into_inner))
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
            confirm: None,
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
            let message = format!("no resource `{}`", self.quote(uri));
            let told = uri.get(..MAX_TOLD_URI).unwrap_or(uri);
            ErrorData::resource_not_found(message, Some(json!({ "uri": told })))
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
        } else {
            // Without a session nobody remembers what the client can do.
            pages::announce(&app, Some(&request.capabilities), &mut result.capabilities);
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
        let client = context.client_capabilities();
        pages::announce(&app, client.as_ref(), &mut result.capabilities);
        // The SDK has put in who answers, here alone with its picture.
        let meta = &mut result.meta.get_or_insert_default().0;
        for (name, value) in reply::meta(&app, &caller).0 {
            meta.entry(name).or_insert(value);
        }
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
        let scopes = caller.principal.scopes();
        let may = |policy: &Policy| scopes.contains_all(policy.scopes.iter().copied());
        let tools = app.catalog.tools().iter().filter(|tool| may(&tool.spec.policy));
        let shows_pages = pages::are_shown(&app, &context);
        let tools = tools.map(|tool| pages::definition(tool, shows_pages)).collect();
        // What one caller may use is nobody else's list.
        let mut result = ListToolsResult::with_all_items(tools)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.meta = Some(reply::meta(&app, &caller));
        Ok(reply::for_era(result, &caller))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.call(request, context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.resources(request, context).await
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
        if let Some(page) = pages::find(&app, &request.uri, &context) {
            return pages::read(&app, &caller, page).await;
        }
        let (resource, variables) = app.find_resource(&request.uri)?;
        let operation: Operation<'_, S, ResourceBody> = Operation {
            method: "resources/read",
            target: resource.spec.kind.uri,
            policy: &resource.spec.policy,
            effect: SideEffect::Read,
            limits: None,
            audited: &[],
            confirm: None,
            arguments: variables,
            prepare: Box::new(|variables| (resource.read)(variables)),
        };
        let completed = pipeline::run(&app, &caller, operation)
            .await
            .map_err(|failed| reply::protocol_error(&failed))?;
        let meta = reply::meta_of(&app, &caller, &completed);
        let contents = match completed.answer {
            FittedBody::Text(text) => ResourceContents::text(text, request.uri),
            FittedBody::Bytes(bytes) => {
                let encoded = content::encoded(&bytes).map_err(|error| {
                    reply::protocol_error(&Failed::new(error, caller.request_id.as_str()))
                })?;
                ResourceContents::blob(encoded, request.uri)
            }
        };
        let contents = contents.with_mime_type(resource.spec.kind.media_type);
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
        self.prompt(request, context).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.completion(request, context).await
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
        let full = |_shed| reply::overloaded("too many streams are open, close one first");
        let _place = app.guards.stream(&caller).await.map_err(full)?;
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
        app.admit_subscription(&caller, app.find_resource(&request.uri)?.0).await?;
        if self.connection.is_one_request() {
            // `initialize` did not offer it, for there is no stream to tell on. A client that subscribes all the same hears
            // whether it may; notices are hints, so it is none the worse for hearing nothing more.
            return Ok(());
        }
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

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if !S::FEATURES.logging || self.caller(&context)?.is_modern() {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        *self.wanted_level.lock().unwrap_or_else(PoisonError::into_inner) = request.level;
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.task(&request, &context)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.answer_task(request, &context)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.cancel(&request, &context)
    }

    /// A known method whose parameters do not parse falls through to here in the SDK, past every other
    /// method of this type: it is a fault of the message, not an unknown method.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        const KNOWN: [&str; 16] = [
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
            "tasks/cancel",
            "tasks/get",
            "tasks/update",
            "tools/call",
            "tools/list",
        ];
        // What 2026-07-28 took out is unknown to its clients, however it is asked for.
        const REMOVED: [&str; 3] = ["initialize", "resources/subscribe", "resources/unsubscribe"];
        let caller = self.caller(&context)?;
        let app = self.app.now();
        let is_removed = caller.is_modern() && REMOVED.contains(&request.method.as_str());
        match KNOWN.iter().filter(|_| !is_removed).find(|method| **method == request.method) {
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
