//! `doctor`: what would be unsafe or broken in this deployment.

#[cfg(feature = "http")]
mod credentials;

use mcp_telemetry::audit::AuditTarget;
use serde::Serialize;
use serde_json::json;

use super::{Failure, print, serve};
use crate::{
    Server,
    app::{SHARED_CHECK, catalog},
    config::{Core, Loaded},
};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    status: Status,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warn,
    Fail,
}

impl Finding {
    fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self { name, status, detail: detail.into() }
    }
}

pub(super) fn run<S: Server>(loaded: Loaded<S::Config>, as_json: bool) -> Result<(), Failure> {
    let Loaded { core, server, .. } = loaded;
    let mut findings = vec![];
    #[cfg(feature = "http")]
    findings.extend(credentials::findings::<S>(&core, &server));
    findings.extend([audit::<S>(&core, &server), quotas(&core)]);
    findings.extend(shared_state::<S>(&core));
    findings.extend(dependencies::<S>(server, &core));
    let failed = findings.iter().any(|finding| finding.status == Status::Fail);
    let text = if as_json {
        format!("{:#}\n", json!({ "ok": !failed, "findings": findings }))
    } else {
        table(&findings)
    };
    print(text.as_bytes())?;
    if failed { Err(Failure::check_told()) } else { Ok(()) }
}

fn audit<S: Server>(core: &Core, config: &S::Config) -> Finding {
    let writes = catalog::<S>(core, config)
        .is_ok_and(|catalog| catalog.tools().iter().any(|tool| tool.spec.kind.effect.writes()));
    match (&core.audit.target, writes) {
        (AuditTarget::Off, true) => Finding::new(
            "audit",
            Status::Fail,
            "MCP_AUDIT_LOG is off while write tools are on: set a file, or MCP_READ_ONLY=true",
        ),
        (AuditTarget::Off, false) => Finding::new("audit", Status::Warn, "off"),
        (AuditTarget::Stderr, _) => {
            Finding::new("audit", Status::Ok, "on stderr: as durable as your log collection")
        }
        (AuditTarget::File(path), _) => {
            Finding::new("audit", Status::Ok, format!("hash-chained in {}", path.display()))
        }
    }
}

fn quotas(core: &Core) -> Finding {
    let limits = &core.limits;
    let all = [
        ("MCP_RATE_LIMIT", &limits.per_client),
        ("MCP_RATE_LIMIT_READ", &limits.reads),
        ("MCP_RATE_LIMIT_WRITE", &limits.writes),
        ("MCP_RATE_LIMIT_IP", &limits.per_address),
    ];
    let off: Vec<_> =
        all.iter().filter(|(_, limit)| limit.rate().is_none()).map(|(name, _)| *name).collect();
    if off.is_empty() {
        Finding::new("quotas", Status::Ok, format!("{} a client", limits.per_client))
    } else {
        Finding::new("quotas", Status::Warn, format!("off: {}", off.join(", ")))
    }
}

/// Whether what replicas share can be reached.
fn shared_state<S: Server>(core: &Core) -> Option<Finding> {
    let shared = serve::shared::<S>(core)?;
    let mode = shared.when_down().as_str();
    let asked = serve::block_on(async {
        shared.start(|_| {}).await;
        Ok((shared.check().await, shared.may_evict().await))
    });
    Some(match asked {
        Ok((Ok(()), Some(true))) => Finding::new(
            SHARED_CHECK,
            Status::Warn,
            "may forget a write before its time: set its maxmemory-policy to noeviction",
        ),
        Ok((Ok(()), _)) => {
            Finding::new(SHARED_CHECK, Status::Ok, format!("answers; `{mode}` when it does not"))
        }
        _ => Finding::new(
            SHARED_CHECK,
            Status::Fail,
            "does not answer within 150 ms, or takes no writes: look at REDIS_URL and the network between",
        ),
    })
}

/// Starts the server as it would be started, and asks what it depends on.
fn dependencies<S: Server>(config: S::Config, core: &Core) -> Vec<Finding> {
    let broken =
        |failure: Failure| vec![Finding::new("start", Status::Fail, failure.lines().join("; "))];
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
        (Some(problem), _) => Finding::new(check.name, Status::Fail, problem.as_str()),
        (None, Some(warning)) => Finding::new(check.name, Status::Warn, warning.as_str()),
        (None, None) => {
            Finding::new(check.name, Status::Ok, format!("{} ms", check.latency.as_millis()))
        }
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
    findings.iter().map(line).collect::<Vec<_>>().concat()
}
