//! `doctor`: what would be unsafe or broken in this deployment.

#[cfg(feature = "http")]
mod access;
mod audit;
#[cfg(feature = "http")]
mod exposure;
mod files;
#[cfg(feature = "http")]
mod keys;
mod limits;
mod network;
mod process;

use mcp_telemetry::metrics::Metrics;
use serde_json::json;

use super::{Failure, print, serve};
use crate::{
    Server,
    app::{SHARED_CHECK, catalog},
    config::{Core, Loaded, Settings as _, Sources},
    finding::{Deployment, Finding, Status},
};

pub(super) fn run<S: Server>(sources: &Sources, as_json: bool) -> Result<(), Failure> {
    let metrics = Metrics::new(&format!("mcp-{}", S::NAME), S::VERSION);
    let findings = match sources.read::<S>(&metrics).outcome {
        Ok(loaded) => examine::<S>(loaded, sources),
        Err(problems) => problems
            .iter()
            .map(|problem| Finding::fail("configuration", problem.to_string()))
            .collect(),
    };
    let failed = findings.iter().any(|finding| finding.status == Status::Fail);
    let text = if as_json {
        format!("{:#}\n", json!({ "ok": !failed, "findings": findings }))
    } else {
        table(&findings)
    };
    print(text.as_bytes())?;
    if failed { Err(Failure::check_told()) } else { Ok(()) }
}

/// Everything that is looked at, in the order of the table: who comes in, what is recorded, what is asked.
fn examine<S: Server>(loaded: Loaded<S::Config>, sources: &Sources) -> Vec<Finding> {
    let Loaded { core, server, settings, upstream_credentials, .. } = loaded;
    let offered = catalog::<S>(&core, &server);
    let writes = offered
        .as_ref()
        .is_ok_and(|catalog| catalog.tools().iter().any(|tool| tool.spec.kind.effect.writes()));
    let deployment = Deployment { is_reachable: network::is_reachable(&core), writes };
    let mut findings = vec![];
    if offered.as_ref().is_ok_and(|catalog| catalog.tools().is_empty()) {
        let text = "nothing is offered: look at MCP_TOOLS and MCP_READ_ONLY";
        findings.push(Finding::fail("tools", text));
    }
    #[cfg(feature = "http")]
    {
        let catalog = offered.map_err(Failure::problems);
        let scopes = catalog.as_ref().map(|catalog| catalog.scopes().1).unwrap_or_default();
        let gate = catalog.and_then(|catalog| serve::gate(&core, &catalog, None));
        let gate = gate.map(|(gate, _files)| gate);
        findings.extend(exposure::findings(&core, &gate, deployment));
        findings.extend(access::findings(&core, gate.ok().as_ref(), &scopes));
    }
    findings.extend(files::findings(&settings, sources));
    findings.extend(audit::findings(&core.audit, deployment));
    findings.extend(limits::findings(&core, deployment));
    findings.extend(network::findings(&settings, &upstream_credentials));
    findings.extend(process::findings(&core, &sources.vars, deployment));
    findings.extend(server.review(deployment));
    findings.extend(shared_state::<S>(&core, deployment));
    findings.extend(dependencies::<S>(server, &core));
    findings
}

/// Whether what replicas share can be reached, or has to be.
fn shared_state<S: Server>(core: &Core, deployment: Deployment) -> Option<Finding> {
    let Some(shared) = serve::shared::<S>(core) else {
        let detail = "REDIS_URL is not set: a second replica would grant every client its quotas again, and would not \
                      know keyed writes and revocations of this one";
        return deployment.is_reachable.then(|| Finding::warn("replicas", detail));
    };
    let mode = shared.when_down().as_str();
    let asked = serve::block_on(async {
        shared.start(|_| {}).await;
        Ok((shared.check().await, shared.may_evict().await))
    });
    Some(match asked {
        Ok((Ok(()), Some(true))) => Finding::warn(
            SHARED_CHECK,
            "may forget a write before its time: set its maxmemory-policy to noeviction",
        ),
        Ok((Ok(()), _)) => Finding::ok(SHARED_CHECK, format!("answers; `{mode}` when it does not")),
        _ => Finding::fail(
            SHARED_CHECK,
            "does not answer within 150 ms, or takes no writes: look at REDIS_URL and the network between",
        ),
    })
}

/// Starts the server as it would be started, and asks what it depends on.
fn dependencies<S: Server>(config: S::Config, core: &Core) -> Vec<Finding> {
    let broken = |failure: Failure| vec![Finding::fail("start", failure.lines().join("; "))];
    let started = serve::block_on(async {
        let catalog = catalog::<S>(core, &config).map_err(Failure::problems)?;
        drop(catalog);
        let server = S::start(config).await?;
        let mut checks = server.checks().await;
        checks.extend(server.diagnose().await);
        server.stop().await;
        Ok(checks)
    });
    let finding = |check: &crate::Check| match (&check.problem, &check.warning) {
        (Some(problem), _) => Finding::fail(check.name, problem.as_str()),
        (None, Some(warning)) => Finding::warn(check.name, warning.as_str()),
        (None, None) => Finding::ok(check.name, format!("{} ms", check.latency.as_millis())),
    };
    started.map_or_else(broken, |checks| checks.iter().map(finding).collect())
}

fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or_default();
    let line = |Finding { name, status, detail }: &Finding| {
        let status = match status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        format!("{status}  {name:width$}  {detail}\n")
    };
    let count = |wanted| findings.iter().filter(|finding| finding.status == wanted).count();
    let (failed, warned) = (count(Status::Fail), count(Status::Warn));
    let sum = format!("{failed} unsafe or broken, {warned} to look at\n");
    findings.iter().map(line).chain([sum]).collect()
}
