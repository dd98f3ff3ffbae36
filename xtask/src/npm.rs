//! Packages of npm, installed from a committed lockfile into a folder of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{run, succeeds};

/// What is copied to where npm installs.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs what the manifests of `source` name into `folder`, unless it stands there as the lockfile says; returns where
/// the modules are.
pub(crate) fn install(source: &Path, folder: &Path) -> Result<PathBuf> {
    let modules = folder.join("node_modules");
    if is_current(source, folder)? {
        return Ok(modules);
    }
    if !succeeds(Command::new("npm").arg("--version")) {
        bail!(
            "missing: npm, which installs what `{}` names\n\
             on Debian and its like: sudo apt-get install -y npm; or see https://nodejs.org",
            source.join("package.json").display()
        )
    }
    println!("installing into {}", folder.display());
    fs::create_dir_all(folder)?;
    for manifest in MANIFESTS {
        fs::copy(source.join(manifest), folder.join(manifest))?;
    }
    let mut npm = Command::new("npm");
    // Packages may bring programs, but run none to be installed.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(npm.current_dir(folder)).context("npm could not install")?;
    fs::copy(source.join("package-lock.json"), installed(folder))?;
    Ok(modules)
}

/// The lockfile that the installed packages are those of.
fn installed(folder: &Path) -> PathBuf {
    folder.join("installed-lock.json")
}

fn is_current(source: &Path, folder: &Path) -> Result<bool> {
    let wanted = fs::read(source.join("package-lock.json"));
    let wanted = wanted.with_context(|| format!("the lockfile of `{}`", source.display()))?;
    Ok(fs::read(installed(folder)).is_ok_and(|there| there == wanted))
}
