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

use super::{Answer, ConfirmMode, Provenance};
use crate::{
    Policy, SideEffect,
    caller::Caller,
    config::{IdempotencyMode, LimitsConfig, OfferConfig, ToolOverride},
    spec::Trust,
};

/// The longest that a call waits for a place before it is shed.
const PATIENCE: Duration = Duration::from_millis(900);

/// How many clients' quotas are remembered by each guard.
const CLIENTS: NonZeroUsize = NonZeroUsize::new(100_000).expect("not zero");

/// How many results of keyed writes the embedded store remembers.
const RECORDED_WRITES: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// Streams of change notices at once, and of one client. Each holds a connection, a task and a place in the feed for as
/// long as it likes, so they are counted apart from calls.
const STREAMS: BulkheadConfig = BulkheadConfig {
    max: NonZeroU32::new(4_096).expect("not zero"),
    queue: 0,
    per_client: NonZeroU32::new(64).expect("not zero"),
};

/// A quota that counts for all replicas where they share state; `before` where it counts the same already, so that
/// a reload forgives nobody.
pub(crate) fn quota(
    config: &LimitsConfig,
    limit: RateLimit,
    (shared, guard): (Option<&SharedState>, &str),
    before: Option<&Arc<SharedQuota>>,
) -> Arc<SharedQuota> {
    if let Some(same) = before.filter(|before| before.is(config.algorithm, limit)) {
        return Arc::clone(same);
    }
    let local = Quota::new(config.algorithm, limit, CLIENTS);
    Arc::new(SharedQuota::new(local, shared, guard))
}

/// Permits; those of `before` where they are as many.
fn permits(config: BulkheadConfig, before: Option<&Arc<Bulkhead>>) -> Arc<Bulkhead> {
    match before.filter(|before| before.config() == config) {
        Some(same) => Arc::clone(same),
        None => Arc::new(Bulkhead::new(config)),
    }
}

/// What every operation passes.
#[derive(Debug)]
pub(crate) struct Guards {
    reads: Arc<SharedQuota>,
    writes: Arc<SharedQuota>,
    permits: Arc<Bulkhead>,
    streams: Arc<Bulkhead>,
    tools: BTreeMap<String, ToolLimits>,
    pub(crate) once: Arc<Once>,
    /// Results of keyed writes, for servers without a store of their own.
    pub(crate) results: Arc<dyn IdempotencyStore>,
    pub(crate) sanitizer: Arc<Sanitizer>,
    pub(crate) deadline: Duration,
    pub(crate) idempotency: IdempotencyMode,
    pub(crate) confirm: ConfirmMode,
}

/// What a deployment tightened for one tool.
#[derive(Debug)]
pub(crate) struct ToolLimits {
    quota: Option<Arc<SharedQuota>>,
    permits: Option<Arc<Bulkhead>>,
}

impl Guards {
    pub(crate) fn new(
        limits: &LimitsConfig,
        offer: &OfferConfig,
        sanitizer: Arc<Sanitizer>,
        shared: Option<&SharedState>,
    ) -> Self {
        let results: Arc<dyn IdempotencyStore> = match shared {
            Some(state) => Arc::new(SharedWrites::new(state)),
            None => Arc::new(MemoryStore::new(RECORDED_WRITES)),
        };
        Self::build(limits, offer, shared, (Arc::default(), results, sanitizer), None)
    }

    /// Those of another configuration. What has not changed goes on counting; calls that run have their permits.
    pub(crate) fn renewed(
        &self,
        limits: &LimitsConfig,
        offer: &OfferConfig,
        shared: Option<&SharedState>,
    ) -> Self {
        let kept = (Arc::clone(&self.once), Arc::clone(&self.results), Arc::clone(&self.sanitizer));
        Self::build(limits, offer, shared, kept, Some(self))
    }

    fn build(
        limits: &LimitsConfig,
        offer: &OfferConfig,
        shared: Option<&SharedState>,
        (once, results, sanitizer): (Arc<Once>, Arc<dyn IdempotencyStore>, Arc<Sanitizer>),
        before: Option<&Self>,
    ) -> Self {
        let class = |limit, guard, before| quota(limits, limit, (shared, guard), before);
        let tool = |(name, tightened): (&String, &ToolOverride)| {
            let before = before.and_then(|before| before.tools.get(name));
            let guard = format!("tool-{name}");
            let own = ToolLimits {
                quota: tightened.rate_limit.map(|limit| {
                    let before = before.and_then(|before| before.quota.as_ref());
                    quota(limits, limit, (shared, &guard), before)
                }),
                permits: tightened.max_concurrency.map(|max| {
                    let config = BulkheadConfig { max, queue: limits.queue, per_client: max };
                    permits(config, before.and_then(|before| before.permits.as_ref()))
                }),
            };
            (name.clone(), own)
        };
        let all = BulkheadConfig {
            max: limits.concurrency,
            queue: limits.queue,
            per_client: limits.concurrency_per_client,
        };
        Self {
            reads: class(limits.reads, "read", before.map(|before| &before.reads)),
            writes: class(limits.writes, "write", before.map(|before| &before.writes)),
            permits: permits(all, before.map(|before| &before.permits)),
            streams: permits(STREAMS, before.map(|before| &before.streams)),
            tools: offer.overrides.iter().map(tool).collect(),
            once,
            results,
            sanitizer,
            deadline: limits.deadline,
            idempotency: offer.idempotency,
            confirm: offer.confirm,
        }
    }

    /// The right to hold one stream of change notices open.
    pub(crate) async fn stream(&self, caller: &Caller) -> Result<Permit> {
        self.streams.acquire(caller.principal.key(), Duration::ZERO).await
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
        if answer.is_harmless(&self.sanitizer)? {
            return Ok((answer, Some(Provenance { sources, findings })));
        }
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
