//! What the process itself is run as.

use std::os::unix::fs::MetadataExt;

use super::Finding;
use crate::{
    config::{Core, Vars, foreign_variables},
    finding::Deployment,
};

pub(super) fn findings(core: &Core, vars: &Vars, deployment: Deployment) -> Vec<Finding> {
    let mut findings = vec![];
    if is_root() {
        let text = "runs as root: use a user who owns nothing but its own files";
        findings.push(Finding::warn("user", text));
    }
    let filter = core.log.filter.to_ascii_lowercase();
    if deployment.is_reachable && (filter.contains("debug") || filter.contains("trace")) {
        let text = "RUST_LOG tells more than production needs, and slows it: set `info`";
        findings.push(Finding::warn("log", text));
    }
    findings.extend(foreign_variables(vars).map(|(theirs, ours)| {
        Finding::warn("variables", format!("{theirs} is not read: set {ours}"))
    }));
    findings
}

/// By the owner of this process' own directory, which is its effective user (proc(5)).
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
