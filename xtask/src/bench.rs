//! `bench`: how fast the servers are, against bare ones on the same machine in the same minutes.
//!
//! This sets the stage: release binaries, a development issuer's token, a private PostgreSQL. Everything that is
//! measured, and what measures it, are programs of `bench/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use mcp_testkit::Issuer;
use serde_json::json;

use crate::process::{cargo, output, run, variable};
use crate::release::as_released;
use crate::sample;
use crate::server::Server;
use crate::workspace;

/// Whom tokens are for, instead of an address that is not known yet.
const AUDIENCE: &str = "mcp-bench";

/// Every scope of every subject.
const SCOPES: &str =
    "echo:read tickets:read tickets:write weather:read postgres:read mcp:read github:read";

/// Tokens outlive the longest run.
const TOKEN_SECONDS: i64 = 6 * 60 * 60;

/// Measures speed and memory, as ratios against bare baselines, and writes `target/bench/report.json`.
///
/// Subjects take turns, round after round, so that whatever else the machine does happens to all of them. Each is a
/// release build in a process of its own; one thread of another process drives them.
///
/// Example: `cargo xtask bench --quick`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Bench {
    /// Seconds instead of minutes; figures are noisy
    #[arg(long)]
    quick: bool,
    /// Prints the report as JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Exits with 1 when a figure misses its budget.
    #[arg(long)]
    check: bool,
    /// Measures what was built before, in the release folder of `CARGO_TARGET_DIR`.
    #[arg(long)]
    no_build: bool,
    /// Measures development builds, of which only instructions tell anything; their figure has a record of its own.
    #[arg(long, conflicts_with = "no_build")]
    dev: bool,
    /// Answers this question alone: `footprint`, `instructions`, `echo`, `eras`, `stdio`, `peers`, `principals`,
    /// `ticketing`, `weather` or `postgres`. May be repeated.
    #[arg(long, value_name = "QUESTION")]
    only: Vec<String>,
}

/// Of the whole workspace, so that what the tests have built before is used.
const DEV_BUILD: &str =
    "build --locked --workspace --bin bench-echo --bin bench-rmcp --bin mcp-bench";

/// Whether a call takes as many instructions as is recorded: what can be told on any machine, however busy.
pub(crate) fn check_instructions() -> Result<()> {
    let only = vec!["instructions".to_owned()];
    Bench { quick: true, json: false, check: true, no_build: false, dev: true, only }.run()
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        match (self.no_build, self.dev) {
            (true, _) => {}
            (false, true) => run(&mut cargo(DEV_BUILD))?,
            (false, false) => build()?,
        }
        let folder = tempfile::Builder::new().prefix("mcp-bench-").tempdir()?;
        let profile = if self.dev { "debug" } else { "release" };
        let programs = workspace::target_directory()?.join(profile);
        let runtime = tokio::runtime::Runtime::new()?;
        let stage = runtime.block_on(stage(&programs, folder.path()))?;
        let report = workspace::root().join("target/bench/report.json");
        let mut driver = Command::new(programs.join("mcp-bench"));
        driver.arg("--stage").arg(stage).arg("--report").arg(report).args(self.flags());
        let status = driver.status().context("the driver cannot be started")?;
        ensure!(status.success(), "the bench failed ({status})");
        Ok(())
    }

    fn flags(&self) -> Vec<&str> {
        let flags = [(self.quick, "--quick"), (self.json, "--json"), (self.check, "--check")];
        let flags = flags.into_iter().filter_map(|(given, flag)| given.then_some(flag));
        flags.chain(self.only.iter().flat_map(|name| ["--only", name])).collect()
    }
}

/// Builds every subject, together, so that what they share is built once.
fn build() -> Result<()> {
    let mut build = "build --locked --release --package mcp-bench --package bench-echo".to_owned();
    for server in Server::all()? {
        build += " --package ";
        build += &server.package;
    }
    // As it is deployed, whatever flags and incremental builds there are otherwise.
    let mut build = cargo(&build);
    as_released(&mut build)?;
    run(&mut build)
}

/// Writes down what the driver needs to know, and says where.
async fn stage(programs: &Path, folder: &Path) -> Result<PathBuf> {
    // The keys are taken from a file, so the issuer itself may go.
    let issuer = Issuer::start().await;
    let claims = issuer.claims(AUDIENCE).scopes(SCOPES).expires_in(TOKEN_SECONDS);
    let keys = folder.join("jwks.json");
    fs::write(&keys, issuer.keys().to_string())?;
    let stage = json!({
        "programs": programs,
        "folder": folder,
        "peers": workspace::root().join("bench/peers"),
        "node": on_path("node"),
        "valgrind": on_path("valgrind"),
        "issuer": issuer.url(),
        "jwks": keys,
        "token": issuer.token(&claims),
        "audience": AUDIENCE,
        "database": sample::database()?,
        "rustc": output(Command::new("rustc").arg("--version"))?.trim(),
    });
    let file = folder.join("stage.json");
    fs::write(&file, stage.to_string())?;
    Ok(file)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::Bench;

    #[test]
    fn flags_reach_the_driver() {
        let only = vec!["echo".to_owned()];
        let bench =
            Bench { quick: true, json: false, check: true, no_build: true, dev: false, only };
        assert_eq!(bench.flags(), ["--quick", "--check", "--only", "echo"]);
    }
}
