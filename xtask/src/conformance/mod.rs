//! `conformance`: the official suite against the chassis, and its general scenarios against every server.

mod bare;
mod report;
mod reviewed;
mod rounds;
mod suite;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::server::{self, Server};
use crate::workspace;
use bare::Bare;
use report::Report;
use reviewed::Reviewed;
use rounds::Round;
use suite::Suite;

/// The server that offers what the suite asks for; a bin of the workspace's suite.
const SUBJECT: &str = "mcp-conformance";

/// How many rounds run at once.
const AT_ONCE: usize = 2;

/// Runs the official conformance suite `@modelcontextprotocol/conformance`, in both versions that are pinned in
/// `tests/conformance/package.json`.
///
/// `mcp-conformance` offers what the suite asks for, through the pipeline that every server has; it is looked at for
/// 2026-07-28 and 2025-11-25, with and without sessions. The servers of `servers/` are looked at with the scenarios that any
/// server must pass. A failure that `tests/conformance/expected.toml` does not name with its reason fails the run, and so
/// does an entry there that fails no more; and so does passing less than the SDK passes alone, which stands in
/// `tests/conformance/bare.toml`. The report is written to `target/conformance/report.json`, with what every
/// check said beside it.
///
/// The suite is installed by `npm ci` into `target/conformance/`, with a Node.js that is new enough for it.
///
/// Examples:{n}  cargo xtask conformance{n}  cargo xtask conformance --only "local 2025-11-25"{n}  cargo xtask conformance --list
#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// Run the rounds whose name contains this, such as `stateless`, `2026-07-28` or `ticketing`.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Print the names of the rounds and stop.
    #[arg(long)]
    list: bool,
}

impl Conformance {
    pub(crate) fn run(&self) -> Result<()> {
        let rounds: Vec<Round> =
            rounds::all()?.into_iter().filter(|it| it.name().contains(&self.only)).collect();
        if self.list {
            for round in &rounds {
                println!("{}", round.name());
            }
            return Ok(());
        }
        ensure!(!rounds.is_empty(), "no round is called like `{}`; see --list", self.only);
        let (reviewed, bare) = (Reviewed::read()?, Bare::read()?);
        let suite = Suite::install()?;
        let subjects: BTreeSet<&str> = rounds.iter().map(|round| round.subject.as_str()).collect();
        let programs = server::built_as_tests(subjects)?;
        let is_whole = self.only.is_empty();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let report = runtime.block_on(run_all(rounds, suite, programs))?;
        report.write()?;
        let verdict = reviewed.judge(&report, is_whole);
        report.print(&verdict);
        let reaches_bare = bare.compare(&report);
        report.print_sum(&verdict);
        if verdict.is_passed() && reaches_bare {
            Ok(())
        } else {
            bail!("conformance: see the failures above")
        }
    }
}

/// As a step of `test`: everything.
pub(crate) fn run_whole() -> Result<()> {
    Conformance { only: String::new(), list: false }.run()
}

/// Runs the rounds, a few at once, and tells of each as it ends.
async fn run_all(
    rounds: Vec<Round>,
    suite: Suite,
    programs: HashMap<String, PathBuf>,
) -> Result<Report> {
    let (suite, places) = (Arc::new(suite), Arc::new(Semaphore::new(AT_ONCE)));
    let count = rounds.len();
    println!("{count} rounds, {AT_ONCE} at once");
    let mut running = JoinSet::new();
    for (place, round) in rounds.into_iter().enumerate() {
        let program = programs.get(&round.subject).with_context(|| {
            format!("cargo built no `{}`; `--list` names what is looked at", round.subject)
        })?;
        let (suite, places, program) = (Arc::clone(&suite), Arc::clone(&places), program.clone());
        running.spawn(async move {
            let _permit = places.acquire_owned().await?;
            let started = Instant::now();
            let outcome = round.run(&suite, &program).await;
            let outcome = outcome.with_context(|| format!("round `{}`", round.name()))?;
            anyhow::Ok((place, outcome, started.elapsed()))
        });
    }
    let mut ended = Vec::new();
    while let Some(round) = running.join_next().await {
        let (place, outcome, time) = round.context("a round ended badly")??;
        let (passed, failed) = (outcome.passed(), outcome.failed());
        let time = time.as_secs_f64();
        println!(
            "  {:>2}/{count} {:<58} {passed:>4} passed {failed:>3} failed {time:>6.1} s",
            ended.len() + 1,
            outcome.name
        );
        ended.push((place, outcome));
    }
    ended.sort_by_key(|(place, _)| *place);
    Ok(Report::new(ended.into_iter().map(|(_, outcome)| outcome).collect()))
}

/// Where the suite is installed and the report is written.
fn folder() -> PathBuf {
    workspace::root().join("target/conformance")
}

/// The packages of `servers/`.
fn servers() -> Result<Vec<String>> {
    Ok(Server::all()?.into_iter().map(|server| server.package).collect())
}
