//! What a server offers: the registry that the pipeline looks everything up in.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use mcp_errors::Result;
use rmcp::model::{
    JsonObject, Prompt as PromptDefinition, PromptArgument, Resource as ResourceDefinition,
    ResourceTemplate, Tool as ToolDefinition, ToolAnnotations,
};
use serde_json::Value;

use crate::{
    ConfiguredTool, PageSpec, Prompt, PromptPart, PromptSpec, Resource, ResourceBody, ResourcePage,
    ResourceSpec, Server, SideEffect, Tool, ToolOutput, ToolSpec, icon, prompt, resource, schema,
    tool::{self, Prepared, ToolAnswer},
    uri::UriTemplate,
};

/// Everything that a server offers.
pub struct Catalog<S> {
    tools: Vec<RegisteredTool<S>>,
    resources: Vec<RegisteredResource<S>>,
    prompts: Vec<RegisteredPrompt<S>>,
    /// What shows the answers of the tools that are offered, each page once.
    pages: Vec<&'static PageSpec>,
    tools_by_name: HashMap<&'static str, usize>,
}

type Reader<S> = Box<dyn Fn(JsonObject) -> Result<Prepared<S, ResourceBody>> + Send + Sync>;
type Preparer<S> = Box<dyn Fn(JsonObject) -> Result<Prepared<S, ToolAnswer>> + Send + Sync>;
type Completer<S> = fn(String, String) -> Prepared<S, Vec<String>>;

pub(crate) struct RegisteredTool<S> {
    pub(crate) spec: ToolSpec,
    pub(crate) definition: ToolDefinition,
    pub(crate) prepare: Preparer<S>,
    /// Whether clients repeat arguments in headers (2026-07-28, transports, `x-mcp-header`), which then must agree.
    pub(crate) repeats_arguments: bool,
}

pub(crate) struct RegisteredResource<S> {
    pub(crate) spec: ResourceSpec,
    pub(crate) template: UriTemplate,
    pub(crate) description: String,
    pub(crate) read: Reader<S>,
    pub(crate) list: fn(Option<String>) -> Prepared<S, ResourcePage>,
    pub(crate) complete: Completer<S>,
}

pub(crate) struct RegisteredPrompt<S> {
    pub(crate) spec: PromptSpec,
    pub(crate) definition: PromptDefinition,
    pub(crate) render: fn(JsonObject) -> Result<Prepared<S, Vec<PromptPart>>>,
    pub(crate) complete: Completer<S>,
}

impl<S> RegisteredTool<S> {
    fn new(spec: ToolSpec, definition: ToolDefinition, prepare: Preparer<S>) -> Self {
        let repeats_arguments = schema::repeats_arguments(&definition.input_schema);
        Self { spec, definition, prepare, repeats_arguments }
    }
}

impl<S: Server> Catalog<S> {
    /// What the server registers under this configuration, complete.
    pub(crate) fn of_server(config: &S::Config) -> Self {
        let mut catalog = Self {
            tools: Vec::new(),
            resources: Vec::new(),
            prompts: Vec::new(),
            pages: Vec::new(),
            tools_by_name: HashMap::new(),
        };
        S::register(&mut catalog);
        S::register_configured(config, &mut catalog);
        catalog.index();
        catalog
    }

    /// Offers a tool.
    pub fn tool<T: Tool<Server = S>>(&mut self) -> &mut Self {
        let spec = T::SPEC;
        let input = schema::input::<T>();
        let writes = spec.kind.effect.writes();
        let input_schema =
            if writes { schema::with_idempotency_key(input.schema) } else { input.schema };
        let definition = definition::<T::Output>(&spec, &input.description, input_schema);
        let prepare = Box::new(tool::prepare::<T>);
        self.tools.push(RegisteredTool::new(spec, definition, prepare));
        self
    }

    /// Offers a tool that a deployment defines.
    pub fn configured_tool<T: ConfiguredTool<Server = S>>(&mut self, tool: T) -> &mut Self {
        let spec = tool.spec();
        let definition = definition::<T::Output>(&spec, tool.description(), tool.input_schema());
        let tool = Arc::new(tool);
        let prepare = Box::new(move |arguments| tool::prepare_configured(&tool, arguments));
        self.tools.push(RegisteredTool::new(spec, definition, prepare));
        self
    }

    /// Offers a resource, or a family of them.
    pub fn resource<R: Resource<Server = S>>(&mut self) -> &mut Self {
        let spec = R::SPEC;
        self.resources.push(RegisteredResource {
            spec,
            template: UriTemplate::parse(spec.kind.uri),
            description: schema::input::<R>().description,
            read: Box::new(resource::prepare_read::<R>),
            list: resource::prepare_list::<R>,
            complete: resource::prepare_complete::<R>,
        });
        self
    }

    /// Offers a prompt.
    pub fn prompt<P: Prompt<Server = S>>(&mut self) -> &mut Self {
        let spec = P::SPEC;
        let input = schema::input::<P>();
        let definition = PromptDefinition::new(
            spec.kind.name,
            Some(input.description),
            Some(prompt_arguments(&input.schema)),
        )
        .with_title(spec.kind.title)
        .with_icons(icon::of_prompt());
        self.prompts.push(RegisteredPrompt {
            spec,
            definition,
            render: prompt::prepare_render::<P>,
            complete: prompt::prepare_complete::<P>,
        });
        self
    }

    /// Offers a resource that the chassis itself made.
    pub(crate) fn offer(&mut self, resource: RegisteredResource<S>) {
        self.resources.push(resource);
    }

    pub(crate) fn tools(&self) -> &[RegisteredTool<S>] {
        &self.tools
    }

    pub(crate) fn resources(&self) -> &[RegisteredResource<S>] {
        &self.resources
    }

    pub(crate) fn prompts(&self) -> &[RegisteredPrompt<S>] {
        &self.prompts
    }

    pub(crate) fn pages(&self) -> &[&'static PageSpec] {
        &self.pages
    }

    pub(crate) fn find_tool(&self, name: &str) -> Option<&RegisteredTool<S>> {
        self.tools_by_name.get(name).and_then(|index| self.tools.get(*index))
    }

    /// The resource that `uri` stands under, with the variables of its template.
    pub(crate) fn find_resource(&self, uri: &str) -> Option<(&RegisteredResource<S>, JsonObject)> {
        self.resources
            .iter()
            .find_map(|resource| Some((resource, resource.template.variables(uri)?)))
    }

    pub(crate) fn find_template(&self, template: &str) -> Option<&RegisteredResource<S>> {
        self.resources.iter().find(|resource| resource.spec.kind.uri == template)
    }

    pub(crate) fn find_prompt(&self, name: &str) -> Option<&RegisteredPrompt<S>> {
        self.prompts.iter().find(|prompt| prompt.spec.kind.name == name)
    }

    /// Keeps the tools that `keep` names and lets a deployment tighten what it keeps.
    pub(crate) fn restrict(&mut self, mut keep: impl FnMut(&mut RegisteredTool<S>) -> bool) {
        self.tools.retain_mut(|tool| keep(tool));
        self.index();
    }

    /// Names that more than one registration claims.
    pub(crate) fn duplicates(&self) -> Vec<&'static str> {
        let tools = self.tools.iter().map(|tool| tool.spec.kind.name);
        let prompts = self.prompts.iter().map(|prompt| prompt.spec.kind.name);
        let resources = self.resources.iter().map(|resource| resource.spec.kind.uri);
        [repeated(tools), repeated(prompts), repeated(resources)].concat()
    }

    /// Arguments that a specification names for a header and that cannot stand in one.
    pub(crate) fn unroutable(&self) -> Vec<&'static str> {
        let of_tool = |tool: &RegisteredTool<S>| {
            let properties = tool.definition.input_schema.get("properties").cloned();
            let has_header = move |name: &&str| {
                let property = properties.as_ref().and_then(|properties| properties.get(*name));
                property.is_some_and(|property| property.get(schema::IN_HEADER).is_some())
            };
            let missing = tool.spec.kind.routed.iter().copied().filter(move |it| !has_header(it));
            missing.collect::<Vec<_>>()
        };
        self.tools.iter().flat_map(of_tool).collect()
    }

    /// Every scope that only reading needs, and every scope that any operation needs, in order.
    pub(crate) fn scopes(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let reading = self
            .tools
            .iter()
            .filter(|tool| !tool.spec.kind.effect.writes())
            .map(|tool| &tool.spec.policy)
            .chain(self.resources.iter().map(|resource| &resource.spec.policy))
            .chain(self.prompts.iter().map(|prompt| &prompt.spec.policy));
        let reading = sorted(reading.flat_map(|policy| policy.scopes).copied());
        let writing = self.tools.iter().flat_map(|tool| tool.spec.policy.scopes).copied();
        let all = sorted(reading.iter().copied().chain(writing));
        (reading, all)
    }

    fn index(&mut self) {
        self.tools_by_name = self
            .tools
            .iter()
            .enumerate()
            .map(|(index, tool)| (tool.spec.kind.name, index))
            .collect();
        let mut seen = HashSet::new();
        let pages = self.tools.iter().filter_map(|tool| tool.spec.kind.page);
        self.pages = pages.filter(|page| seen.insert(page.kind.uri)).collect();
    }
}

impl<S> fmt::Debug for Catalog<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("tools", &self.tools_by_name.keys())
            .field("resources", &self.resources.len())
            .field("prompts", &self.prompts.len())
            .finish_non_exhaustive()
    }
}

impl<S> RegisteredTool<S> {
    /// Takes the limits that a deployment tightened into the description that the model reads.
    pub(crate) fn redescribe(&mut self, own: &str) {
        self.definition.description = Some(described(own, &limits(&self.spec)).into());
    }

    /// Marks the key as required where a deployment refuses writes without one.
    pub(crate) fn require_idempotency_key(&mut self) {
        schema::require_idempotency_key(Arc::make_mut(&mut self.definition.input_schema));
    }

    /// The author's own words, without the limits.
    pub(crate) fn own_description(&self) -> String {
        let text = self.definition.description.as_deref().unwrap_or_default();
        text.split_once(LIMITS).map_or(text, |(own, _)| own).to_owned()
    }
}

impl<S> RegisteredResource<S> {
    pub(crate) fn definition(&self) -> ResourceDefinition {
        let kind = self.spec.kind;
        ResourceDefinition::new(kind.uri, kind.name)
            .with_title(kind.title)
            .with_icons(icon::of_resource())
            .with_description(self.description.as_str())
            .with_mime_type(kind.media_type)
    }

    pub(crate) fn template_definition(&self) -> ResourceTemplate {
        let kind = self.spec.kind;
        ResourceTemplate::new(kind.uri, kind.name)
            .with_title(kind.title)
            .with_icons(icon::of_resource())
            .with_description(self.description.as_str())
            .with_mime_type(kind.media_type)
    }
}

/// A tool as clients see it.
fn definition<Output: ToolOutput>(
    spec: &ToolSpec,
    description: &str,
    mut input_schema: JsonObject,
) -> ToolDefinition {
    for argument in spec.kind.routed {
        // What cannot be is told by `Catalog::unroutable` before anything is offered.
        schema::route_by(&mut input_schema, argument);
    }
    let writes = spec.kind.effect.writes();
    let annotations = ToolAnnotations::with_title(spec.kind.title)
        .read_only(!writes)
        .destructive(spec.kind.effect == SideEffect::Destructive)
        // A keyed repetition changes nothing; an unkeyed one may.
        .idempotent(!writes)
        .open_world(spec.kind.open_world);
    let description = described(description, &limits(spec));
    let definition = ToolDefinition::new(spec.kind.name, description, Arc::new(input_schema))
        .with_title(spec.kind.title)
        .with_icons(icon::of_tool(spec.kind.effect))
        .with_annotations(annotations);
    if Output::STRUCTURED {
        definition.with_raw_output_schema(Arc::new(schema::output::<Output>().schema))
    } else {
        definition
    }
}

const LIMITS: &str = "\n\nLimits: ";

fn described(own: &str, limits: &str) -> String {
    format!("{own}{LIMITS}{limits}")
}

/// The numbers that a model should know before it calls.
fn limits(spec: &ToolSpec) -> String {
    let policy = spec.policy;
    format!(
        "needs scope {}; answers within {} s; at most {} tokens.",
        policy.scopes.join(" "),
        policy.deadline.as_secs_f64(),
        policy.budget.token_count(),
    )
}

fn prompt_arguments(schema: &JsonObject) -> Vec<PromptArgument> {
    let required = schema.get("required").and_then(Value::as_array);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    properties
        .iter()
        .map(|(name, property)| {
            let needed = required.is_some_and(|names| names.iter().any(|it| it == name));
            let argument = PromptArgument::new(name.as_str()).with_required(needed);
            match property.get("description").and_then(Value::as_str) {
                Some(description) => argument.with_description(description),
                None => argument,
            }
        })
        .collect()
}

fn repeated(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut seen = HashSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

fn sorted(scopes: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut scopes: Vec<_> = scopes.collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
