//! The guards of a process and their state: quotas, permits, recorded writes, the sanitizer.

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use mcp_errors::{Error, Result};
use mcp_limits::{
    Bulkhead, BulkheadConfig, IdempotencyStore, MemoryStore, Once, Permit, Quota, RateLimit,
};
use mcp_sanitize::{Findings, Sanitizer, Treatment};
use mcp_shared::{SharedQuota, SharedState, SharedWrites};

use super::{Answer, Provenance};
use crate::{
    Policy, SideEffect,
    caller::Caller,
    config::{IdempotencyMode, LimitsConfig, ToolOverride},
    spec::Trust,
};

/// The longest that a call waits for a place before it is shed.
const PATIENCE: Duration = Duration::from_millis(900);

/// How many clients' quotas are remembered by each guard.
const CLIENTS: NonZeroUsize = NonZeroUsize::new(100_000).expect("not zero");

/// How many results of keyed writes the embedded store remembers.
const RECORDED_WRITES: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// A quota that counts for all replicas where they share state.
pub(crate) fn quota(
    config: &LimitsConfig,
    limit: RateLimit,
    shared: Option<&SharedState>,
    guard: &str,
) -> SharedQuota {
    SharedQuota::new(Quota::new(config.algorithm, limit, CLIENTS), shared, guard)
}

/// What every operation passes.
#[derive(Debug)]
pub(crate) struct Guards {
    reads: SharedQuota,
    writes: SharedQuota,
    permits: Bulkhead,
    tools: BTreeMap<&'static str, ToolLimits>,
    pub(crate) once: Once,
    /// Results of keyed writes, for servers without a store of their own.
    pub(crate) results: Box<dyn IdempotencyStore>,
    pub(crate) sanitizer: Arc<Sanitizer>,
    pub(crate) deadline: Duration,
    pub(crate) idempotency: IdempotencyMode,
}

/// What a deployment tightened for one tool.
#[derive(Debug)]
pub(crate) struct ToolLimits {
    quota: Option<SharedQuota>,
    permits: Option<Bulkhead>,
}

impl Guards {
    pub(crate) fn new(
        config: &LimitsConfig,
        idempotency: IdempotencyMode,
        sanitizer: Arc<Sanitizer>,
        shared: Option<&SharedState>,
    ) -> Self {
        let quota = |limit, guard| quota(config, limit, shared, guard);
        Self {
            reads: quota(config.reads, "read"),
            writes: quota(config.writes, "write"),
            permits: Bulkhead::new(BulkheadConfig {
                max: config.concurrency,
                queue: config.queue,
                per_client: config.concurrency_per_client,
            }),
            tools: BTreeMap::new(),
            once: Once::default(),
            results: match shared {
                Some(state) => Box::new(SharedWrites::new(state)),
                None => Box::new(MemoryStore::new(RECORDED_WRITES)),
            },
            sanitizer,
            deadline: config.deadline,
            idempotency,
        }
    }

    /// Adds what a deployment tightened for one tool.
    pub(crate) fn tighten(
        &mut self,
        tool: &'static str,
        config: &LimitsConfig,
        tightened: &ToolOverride,
        shared: Option<&SharedState>,
    ) {
        let quota = |limit| quota(config, limit, shared, &format!("tool-{tool}"));
        let permits = |max: NonZeroU32| {
            Bulkhead::new(BulkheadConfig { max, queue: config.queue, per_client: max })
        };
        let limits = ToolLimits {
            quota: tightened.rate_limit.map(quota),
            permits: tightened.max_concurrency.map(permits),
        };
        self.tools.insert(tool, limits);
    }

    pub(crate) fn of_tool(&self, name: &str) -> Option<&ToolLimits> {
        self.tools.get(name)
    }

    /// Takes one call from the caller's quota of the class, and of the tool where it has its own.
    pub(super) async fn take_quota(
        &self,
        caller: &Caller,
        effect: SideEffect,
        limits: Option<&ToolLimits>,
    ) -> Result<()> {
        let class = if effect.writes() { &self.writes } else { &self.reads };
        let own = limits.and_then(|limits| limits.quota.as_ref());
        for quota in own.into_iter().chain([class]) {
            quota.take(caller.principal.key(), 1).await?.admitted()?;
        }
        Ok(())
    }

    /// Waits, not long, for a place to run in.
    pub(super) async fn permit(
        &self,
        caller: &Caller,
        limits: Option<&ToolLimits>,
    ) -> Result<(Permit, Option<Permit>)> {
        let client = caller.principal.key();
        let own = match limits.and_then(|limits| limits.permits.as_ref()) {
            Some(permits) => Some(permits.acquire(client, PATIENCE).await?),
            None => None,
        };
        Ok((self.permits.acquire(client, PATIENCE).await?, own))
    }

    /// Cleans an answer; much text is cleaned off the async threads.
    pub(super) async fn clean<A: Answer>(
        &self,
        mut answer: A,
        policy: &Policy,
        server: &'static str,
    ) -> Result<(A, Option<Provenance>)> {
        let (sources, treatment) = match policy.trust {
            Trust::Own => return Ok((answer, None)),
            Trust::Outside { sources } => (sources, Treatment::Clean),
            Trust::Flagged { sources } => (sources, Treatment::Flag),
        };
        let sources = if sources.is_empty() { &[server] } else { sources };
        let sources = sources.iter().map(|&source| source.into()).collect();
        let mut findings = Findings::default();
        if answer.is_large() {
            let sanitizer = Arc::clone(&self.sanitizer);
            (answer, findings) = tokio::task::spawn_blocking(move || {
                answer.clean(&sanitizer, treatment, &mut findings);
                (answer, findings)
            })
            .await
            .map_err(Error::internal)?;
        } else {
            answer.clean(&self.sanitizer, treatment, &mut findings);
        }
        Ok((answer, Some(Provenance { sources, findings })))
    }
}
