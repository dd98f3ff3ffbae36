//! Whether what callers do is recorded, where it stays, and whether there is room for it.

use std::{
    fs::OpenOptions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use mcp_telemetry::audit::AuditTarget;
use rustix::fs::{Access, access, statvfs};

use super::Finding;
use crate::{config::AuditConfig, finding::Deployment};

/// Less is too little for a day.
const LITTLE: u64 = 256 << 20;
/// Less is nearly nothing.
const NEARLY_NOTHING: u64 = 16 << 20;

pub(super) fn findings(audit: &AuditConfig, deployment: Deployment) -> Vec<Finding> {
    let mut findings = match (&audit.target, deployment.writes) {
        (AuditTarget::Off, true) => vec![Finding::fail(
            "audit",
            "MCP_AUDIT_LOG is off while write tools are on: set a file, or MCP_READ_ONLY=true",
        )],
        (AuditTarget::Off, false) => vec![Finding::warn("audit", "off")],
        (AuditTarget::Stderr, _) => {
            vec![Finding::ok("audit", "on stderr: as durable as your log collection")]
        }
        (AuditTarget::File(path), _) => file(path),
    };
    if audit.arguments {
        let text = "MCP_AUDIT_ARGUMENTS=redacted writes down what callers say: keep the log as you keep their data";
        findings.push(Finding::warn("audit", text));
    }
    findings
}

fn file(path: &Path) -> Vec<Finding> {
    let shown = path.display();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let writable = match path.metadata() {
        Ok(file) if !file.is_file() => {
            return vec![Finding::fail("audit", format!("{shown} is no file and keeps nothing"))];
        }
        Ok(_) => OpenOptions::new().append(true).open(path).map(drop),
        Err(_) => access(&folder, Access::WRITE_OK | Access::EXEC_OK).map_err(Into::into),
    };
    if let Err(error) = writable {
        return vec![Finding::fail("audit", format!("{shown} cannot be written: {error}"))];
    }
    let mut findings = vec![Finding::ok("audit", format!("hash-chained in {shown}"))];
    let mode = path.metadata().map(|file| file.permissions().mode() & 0o777).unwrap_or_default();
    if mode & 0o006 != 0 {
        let text = format!("{shown} has mode {mode:04o}, others see who did what: `chmod 0600`");
        findings.push(Finding::warn("audit", text));
    }
    findings.extend(statvfs(&folder).ok().and_then(|disk| {
        room(disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks * disk.f_frsize)
    }));
    findings
}

/// What is said of `free` bytes on a disk of `all`.
fn room(free: u64, all: u64) -> Option<Finding> {
    let percent = free.saturating_mul(100) / all.max(1);
    let text = || {
        let free = free >> 20;
        format!(
            "{free} MiB ({percent} %) are left where the log is: writes are refused when it is full"
        )
    };
    if free < NEARLY_NOTHING || percent < 1 {
        Some(Finding::fail("audit disk", text()))
    } else if free < LITTLE || percent < 5 {
        Some(Finding::warn("audit disk", text()))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::room;
    use crate::finding::Status;

    #[test]
    fn a_disk_that_is_nearly_full_is_told_before_it_is() {
        let told = |free: u64, all: u64| room(free << 20, all << 20).map(|it| it.status);
        assert_eq!(told(50_000, 100_000), None);
        assert_eq!(told(300, 1_000), None);
        assert_eq!(told(200, 1_000), Some(Status::Warn));
        assert_eq!(told(3_000, 100_000), Some(Status::Warn));
        assert_eq!(told(900, 100_000), Some(Status::Fail));
        assert_eq!(told(10, 100), Some(Status::Fail));
        assert_eq!(told(0, 0), Some(Status::Fail));
    }
}
