#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "http"),
    expect(
        dead_code,
        unused_imports,
        reason = "one configuration serves both transports: without HTTP its settings are checked and not used"
    )
)]
#![cfg_attr(
    not(feature = "stdio"),
    expect(
        dead_code,
        reason = "one configuration serves both transports: without stdio its settings are unused"
    )
)]

mod allocator;
mod api_reference;
mod app;
mod arguments;
mod caller;
mod catalog;
mod changes;
mod cli;
mod config;
mod content;
mod context;
mod dialogue;
mod export;
mod finding;
mod handler;
mod hooks;
#[cfg(feature = "http")]
mod http;
mod icon;
mod pipeline;
mod prompt;
mod raw_text;
mod recorder;
mod reload;
mod reply;
mod resource;
mod schema;
mod seal;
mod server;
mod signals;
mod spec;
#[cfg(feature = "stdio")]
mod stdio;
mod structured;
mod subscriptions;
mod tasks;
mod tool;
mod unreadable;
#[cfg(feature = "upstream")]
mod upstreams;
mod uri;

pub use catalog::Catalog;
pub use changes::ChangeSink;
pub use cli::main;
pub use config::{Problem, Reader, Setting, Settings};
pub use content::{Block, Embedded, Media, Unstructured};
pub use context::{CallContext, Write};
pub use dialogue::{Ability, Answer, Answers, LogLevel, Question};
pub use export::database_span;
pub use finding::{Deployment, Finding};
pub use hooks::{CallInfo, CallOutcome, Hooks, NoHooks};
pub use icon::Icon;
pub use prompt::{Prompt, PromptPart};
pub use raw_text::{LineRange, RawText, TextStart};
pub use resource::{Resource, ResourceBody, ResourceEntry, ResourcePage};
pub use server::{Check, Features, Server, StartError};
pub use spec::{
    BecomesTask, Draft, NeedsBudget, NeedsDeadline, NeedsScopes, PageKind, PageSpec, Policy,
    PromptKind, PromptSpec, ResourceKind, ResourceSpec, SideEffect, Spec, ToolKind, ToolSpec,
    Trust,
};
pub use tool::{ConfiguredTool, Tool, ToolOutput};

// What a domain needs of the crates below, so that a server depends on the chassis alone.
pub use mcp_auth::Principal;
pub use mcp_errors::{Classify, Error, ErrorKind, Result};
pub use mcp_limits::{
    ArgumentsHash, ByteSize, CacheState, Claim, Freshness, HumanDuration, IdempotencyStore,
    Recorded, WriteKey,
};
#[cfg(feature = "upstream")]
pub use mcp_limits::{
    BaseUrl, Cache, CacheConfig, CacheKey, Cached, Demand, IssuedToken, TokenIssuer, Upstream,
    UpstreamConfig, UpstreamCredential, UpstreamLimits, UpstreamSecret,
};
pub use mcp_sanitize::{Budget, PageCut};
pub use rmcp::model::JsonObject;
