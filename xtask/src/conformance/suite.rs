//! The suite itself: installed by npm from a committed lockfile, and run by a Node.js that it can use.

use std::path::PathBuf;

use anyhow::Result;

use super::folder;
use crate::{npm, workspace};

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
        Ok(Self { node: npm::node(&modules)?, modules })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_lockfile_holds_both_versions_and_names_no_host() {
        let lock = fs::read_to_string(source().join("package-lock.json")).unwrap();
        for version in [Version::Stable, Version::Alpha] {
            assert!(lock.contains(&format!("\"conformance-{}\"", version.as_str())), "{version:?}");
        }
        assert!(!lock.contains("\"resolved\""), "npm knows where packages are");
    }
}
