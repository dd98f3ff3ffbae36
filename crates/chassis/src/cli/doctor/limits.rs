//! How much one client can take from the others.

use std::time::Duration;

use mcp_limits::Rate;

use super::Finding;
use crate::{
    config::{Core, LimitsConfig},
    finding::Deployment,
};

/// A quota that grants a call in less than this protects nothing.
const SHORTEST_INTERVAL: Duration = Duration::from_micros(100);
/// The longest that a call may reasonably hold a place.
const LONGEST_CALL: Duration = Duration::from_mins(5);
/// A body that is larger is no call of a tool.
const LARGEST_BODY: usize = 16 << 20;
/// Orchestrators kill after this time when nobody tells them otherwise (Kubernetes: `terminationGracePeriodSeconds`).
const GRACE: Duration = Duration::from_secs(30);

pub(super) fn findings(core: &Core, deployment: Deployment) -> Vec<Finding> {
    let mut findings = vec![quotas(&core.limits, deployment)];
    findings.extend(times_and_sizes(core));
    findings
}

fn quotas(limits: &LimitsConfig, deployment: Deployment) -> Finding {
    let all = [
        ("MCP_RATE_LIMIT", &limits.per_client),
        ("MCP_RATE_LIMIT_READ", &limits.reads),
        ("MCP_RATE_LIMIT_WRITE", &limits.writes),
        ("MCP_RATE_LIMIT_IP", &limits.per_address),
    ];
    let off: Vec<_> =
        all.iter().filter(|(_, limit)| limit.rate().is_none()).map(|(name, _)| *name).collect();
    let is_high = |rate: &Rate| rate.interval() < SHORTEST_INTERVAL;
    let high = all.iter().filter(|(_, limit)| limit.rate().is_some_and(is_high));
    let high: Vec<_> = high.map(|(name, _)| *name).collect();
    // Without the one nobody counts calls, without the other nobody counts guesses of credentials.
    let is_unbounded = ["MCP_RATE_LIMIT", "MCP_RATE_LIMIT_IP"].iter().any(|it| off.contains(it));
    match (off.as_slice(), high.as_slice()) {
        ([], []) => Finding::ok("quotas", format!("{} a client", limits.per_client)),
        ([], high) => Finding::warn("quotas", format!("limit nothing: {}", high.join(", "))),
        (off, _) if deployment.is_reachable && is_unbounded => {
            let off = off.join(", ");
            Finding::fail("quotas", format!("off for everybody who comes here: set {off}"))
        }
        (off, _) => Finding::warn("quotas", format!("off: {}", off.join(", "))),
    }
}

fn times_and_sizes(core: &Core) -> Vec<Finding> {
    let limits = &core.limits;
    let too_wide = [
        (
            limits.deadline > LONGEST_CALL,
            "MCP_DEADLINE lets a call hold its place for more than 5m",
        ),
        (core.http.max_body > LARGEST_BODY, "MCP_MAX_BODY takes bodies of more than 16 MiB"),
        (
            limits.concurrency_per_client >= limits.concurrency && limits.concurrency.get() > 1,
            "MCP_MAX_CONCURRENCY_PER_CLIENT lets one client hold every place of MCP_MAX_CONCURRENCY",
        ),
        (
            core.http.drain_deadline > GRACE,
            "MCP_DRAIN_DEADLINE is longer than the 30s after which orchestrators kill: give them more, or lower it",
        ),
    ];
    let told = too_wide.into_iter().filter(|(is_so, _)| *is_so);
    told.map(|(_, text)| Finding::warn("bounds", text)).collect()
}
