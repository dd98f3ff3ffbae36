//! A domain server, as the chassis sees it.

use std::{fmt, future::Future, time::Duration};

use mcp_limits::IdempotencyStore;

use crate::{Catalog, ChangeSink, Hooks, Icon, NoHooks, config::Settings};

/// A domain: what it is called, what it needs to start, what it offers.
pub trait Server: fmt::Debug + Send + Sync + Sized + 'static {
    /// `ticketing`: the binary is `mcp-ticketing`, the provenance label and the log's service name follow it.
    const NAME: &'static str;
    /// What a person reads: `Ticketing`.
    const TITLE: &'static str;
    /// What a person sees beside the title.
    const ICON: Option<Icon> = None;
    /// The version of the server's own package.
    const VERSION: &'static str;
    /// What a model should know before it calls anything: two or three sentences.
    const INSTRUCTIONS: &'static str;
    /// The default of `MCP_RATE_LIMIT`: what one client may ask of it.
    const RATE_LIMIT: &'static str = "600/1m";

    /// What it offers beyond tools, resources and prompts.
    const FEATURES: Features = Features::NONE;

    /// What the deployment decides beyond the chassis' own settings.
    type Config: Settings;

    /// Registers every tool, resource and prompt.
    fn register(catalog: &mut Catalog<Self>);

    /// Registers what the deployment defines itself, after everything of [`Server::register`].
    fn register_configured(_config: &Self::Config, _catalog: &mut Catalog<Self>) {}

    /// Opens what the server needs.
    fn start(config: Self::Config) -> impl Future<Output = Result<Self, StartError>> + Send;

    /// Probes what the server depends on; an empty list is ready at once.
    fn checks(&self) -> impl Future<Output = Vec<Check>> + Send {
        async { Vec::new() }
    }

    /// Looks at what `doctor` tells beyond readiness: an upstream whose failure must not take a replica out of service, and
    /// what our credential there can do.
    fn diagnose(&self) -> impl Future<Output = Vec<Check>> + Send {
        async { Vec::new() }
    }

    /// The store that records a keyed write in the transaction of the write itself. Without one,
    /// results are remembered in Redis where replicas share it, else by this process.
    fn idempotency(&self) -> Option<&dyn IdempotencyStore> {
        None
    }

    /// What the owners add to every call.
    fn hooks(&self) -> &dyn Hooks {
        &NoHooks
    }

    /// Follows what is changed elsewhere, by another replica say, and tells the subscribers of this process. What a call
    /// changes here is told by the call. It begins after [`Server::start`] and is dropped when the server ends; notices are
    /// hints, so what fails is tried anew and keeps nothing else from working.
    fn follow(&self, _changes: ChangeSink) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Closes what [`Server::start`] opened, after the last call has ended.
    fn stop(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What a server announces of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Its calls log to their clients, by [`crate::CallContext::log`].
    pub logging: bool,
    /// Which tools there are may change while it runs.
    pub changing_tools: bool,
    /// Which prompts there are may change while it runs.
    pub changing_prompts: bool,
}

impl Features {
    /// Nothing more.
    pub const NONE: Self = Self { logging: false, changing_tools: false, changing_prompts: false };
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong in a way that only starting shows: exit code 2.
    #[error("{0}")]
    Config(String),
    /// A dependency could not be reached: exit code 3.
    #[error("{name} cannot be reached: {problem}")]
    Dependency {
        /// What it is: `the ticket database`.
        name: &'static str,
        /// What happened, without credentials.
        problem: String,
    },
}

/// The state of one dependency.
#[derive(Clone, Debug)]
pub struct Check {
    /// `store`, `upstream` …
    pub name: &'static str,
    /// The problem, without credentials; `None` when it answered.
    pub problem: Option<String>,
    /// What works and yet is not as an operator would want it, without credentials: `doctor` tells it.
    pub warning: Option<String>,
    /// How long the answer took.
    pub latency: Duration,
}
