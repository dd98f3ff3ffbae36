//! `snapshots`: what every server offers and answers, compared with what was reviewed.

use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::process::{cargo, output, run};
use crate::workspace;

/// Checks the snapshots of every server's surface and results, or renews them.
///
/// A changed snapshot is a changed interface: read the diff as a client would before you commit it.
#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    /// Write what the servers answer now, and list the files that changed.
    #[arg(long)]
    accept: bool,
}

impl Snapshots {
    pub(crate) fn run(&self) -> Result<()> {
        // Snapshot tests have `snapshot` in their path: a module or a name.
        let mut tests = cargo("test --workspace --locked --no-fail-fast --tests snapshot");
        if self.accept {
            // The tests go on over a difference, so that one run renews every file.
            tests.env("INSTA_UPDATE", "always").env("INSTA_FORCE_PASS", "1");
        } else {
            tests.env("INSTA_UPDATE", "no");
        }
        run(&mut tests).context("once reviewed, `cargo xtask snapshots --accept` renews them")?;
        let changed = changed()?;
        if changed.is_empty() {
            println!("every snapshot is as committed");
        } else {
            println!("not as committed:\n{}", changed.trim_end());
        }
        Ok(())
    }
}

fn changed() -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root());
    output(git.args(["status", "--short", "--untracked-files=all", "--", "*.snap"]))
}
