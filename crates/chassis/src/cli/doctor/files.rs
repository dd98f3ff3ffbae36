//! Who else on this machine can read our secrets, or change what we go by.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::Finding;
use crate::config::{Described, Sources};

/// Settings that are the path of a private key.
const PRIVATE_KEYS: [&str; 1] = ["MCP_TLS_KEY"];
/// Settings that are the path of a file that decides who comes in or what is asked, beside those ending in `_FILE`.
const DECIDING: [&str; 2] = ["MCP_TLS_CERT", "MCP_TLS_CLIENT_CA"];

/// Others of this machine may read it.
const READABLE: u32 = 0o004;
/// Others of this machine may write it.
const WRITABLE: u32 = 0o002;

/// A file that settings name.
struct Named {
    variable: &'static str,
    path: PathBuf,
    is_secret: bool,
}

pub(super) fn findings(settings: &[Described], sources: &Sources) -> Vec<Finding> {
    let flag = sources.flags.get("MCP_CONFIG").map(String::as_str);
    let config = flag.or_else(|| sources.vars.get("MCP_CONFIG"));
    let mut named: Vec<_> = settings.iter().filter_map(named).collect();
    named.extend(config.map(|path| Named {
        variable: "MCP_CONFIG",
        path: path.into(),
        is_secret: settings.iter().any(|it| it.secret && it.origin == format!("file {path}")),
    }));
    let mut findings: Vec<_> = named.iter().filter_map(judged).collect();
    if findings.is_empty() && !named.is_empty() {
        findings.push(Finding::ok("files", "nobody else may read secrets or change settings"));
    }
    findings
}

fn named(setting: &Described) -> Option<Named> {
    let variable = setting.variable;
    if setting.secret {
        let path = PathBuf::from(setting.origin.strip_prefix("file ")?);
        return Some(Named { variable, path, is_secret: true });
    }
    let value = || setting.value.as_ref().map(PathBuf::from);
    if PRIVATE_KEYS.contains(&variable) {
        return Some(Named { variable, path: value()?, is_secret: true });
    }
    let decides = variable.ends_with("_FILE") || DECIDING.contains(&variable);
    if decides { Some(Named { variable, path: value()?, is_secret: false }) } else { None }
}

fn judged(Named { variable, path, is_secret }: &Named) -> Option<Finding> {
    let mode = mode(path)?;
    let shown = path.display();
    // A directory in which others may rename is as good as the file itself; the sticky bit forbids that.
    let folder = path.parent().and_then(self::mode).unwrap_or_default();
    if mode & WRITABLE != 0 || folder & (WRITABLE | 0o1000) == WRITABLE {
        let text = format!("{variable}: others may change {shown} (mode {mode:04o}): `chmod o-w`");
        return Some(Finding::fail("files", text));
    }
    if *is_secret && mode & READABLE != 0 {
        let text = format!(
            "{variable}: others may read the secret in {shown} (mode {mode:04o}): `chmod 0600` keeps them out"
        );
        return Some(Finding::fail("files", text));
    }
    None
}

/// The permissions with the sticky bit; `None` where there is nothing, which is told by whoever reads it.
fn mode(path: &Path) -> Option<u32> {
    let folder = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::metadata(folder).ok().map(|file| file.permissions().mode() & 0o7777)
}
