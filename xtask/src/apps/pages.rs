//! The pages: built from `ui/src` into the servers that include them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::npm;
use crate::process::run;
use crate::workspace;

/// The sources of the pages, with what builds and tests them.
#[derive(Debug)]
pub(super) struct Pages {
    node: PathBuf,
}

impl Pages {
    pub(super) fn install() -> Result<Self> {
        // Beside the sources, where their imports are looked for.
        let modules = npm::install(&folder(), &folder())?;
        Ok(Self { node: npm::node(&modules)? })
    }

    /// Writes every page as its sources give it.
    pub(super) fn build(&self) -> Result<()> {
        run(self.node().arg("build.ts"))
    }

    /// Fails where a committed page is not what its sources give, byte by byte.
    pub(super) fn check(&self) -> Result<()> {
        run(self.node().args(["build.ts", "--check"]))
    }

    /// Fails where the sources have a fault of type, or another format.
    pub(super) fn lint(&self) -> Result<()> {
        run(self.node().arg("node_modules/typescript/bin/tsc"))?;
        let prettier = ["node_modules/prettier/bin/prettier.cjs", "--log-level=warn", "--check"];
        run(self.node().args(prettier).args(["src", "test", "build.ts"]))
    }

    /// The Node.js of the packages, in their folder.
    pub(super) fn node(&self) -> Command {
        let mut node = Command::new(&self.node);
        // Types are taken out of the sources, which Node.js still calls an experiment.
        node.arg("--disable-warning=ExperimentalWarning").current_dir(folder());
        node
    }
}

/// Builds the pages for `cargo xtask build`; without npm those that are committed stand.
pub(crate) fn build_pages() -> Result<()> {
    if npm::is_here() {
        return Pages::install()?.build();
    }
    println!("npm is not here: the pages stay as they are committed");
    Ok(())
}

fn folder() -> PathBuf {
    workspace::root().join("ui")
}
