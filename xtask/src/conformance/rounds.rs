//! What is looked at: a server, how it keeps sessions, a version of the suite, a version of the protocol.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcp_testkit::ServerCommand;
use tokio::time::timeout;

use super::report::{Check, Outcome, Scenario};
use super::suite::{Suite, Version};
use super::{SUBJECT, folder, servers};
use crate::sample;

const CURRENT: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// A run of the suite that has not ended by then hangs.
const PATIENCE: Duration = Duration::from_mins(4);

/// What any server must pass under 2026-07-28.
const GENERAL_CURRENT: &[&str] = &[
    "tools-list",
    "resources-list",
    "prompts-list",
    "sep-2164-resource-not-found",
    "dns-rebinding-protection",
    "caching",
    "http-header-validation",
    "input-required-result-unsupported-methods",
];

/// What any server must pass under 2025-11-25.
const GENERAL_LEGACY: &[&str] = &[
    "server-initialize",
    "server-session-lifecycle",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
];

/// Which scenarios are run.
#[derive(Debug, Clone, Copy)]
enum Scenarios {
    /// Everything that is known for the version of the protocol.
    All,
    /// The frozen set of the version, and the extensions.
    Required,
    /// These, one after the other.
    Named(&'static [&'static str]),
}

/// One server under one version of the suite and of the protocol.
#[derive(Debug)]
pub(super) struct Round {
    /// The program.
    pub(super) subject: String,
    sessions: &'static str,
    suite: Version,
    protocol: &'static str,
    scenarios: Scenarios,
}

/// Every round, the longest first.
pub(super) fn all() -> Result<Vec<Round>> {
    let mut rounds = Vec::new();
    let mut add = |subject: &str, sessions, (suite, protocol), scenarios| {
        rounds.push(Round { subject: subject.to_owned(), sessions, suite, protocol, scenarios });
    };
    for sessions in ["stateless", "local"] {
        add(SUBJECT, sessions, (Version::Alpha, CURRENT), Scenarios::Required);
        add(SUBJECT, sessions, (Version::Alpha, LEGACY), Scenarios::All);
        add(SUBJECT, sessions, (Version::Stable, LEGACY), Scenarios::All);
    }
    for server in servers()? {
        add(&server, "stateless", (Version::Alpha, CURRENT), Scenarios::Named(GENERAL_CURRENT));
        add(&server, "local", (Version::Alpha, LEGACY), Scenarios::Named(GENERAL_LEGACY));
    }
    Ok(rounds)
}

impl Round {
    pub(super) fn name(&self) -> String {
        let Self { subject, sessions, suite, protocol, .. } = self;
        format!("{subject} {sessions} {protocol} (suite {})", suite.as_str())
    }

    /// Starts the server, runs the suite against it, and reads what it found.
    pub(super) async fn run(&self, suite: &Suite, program: &Path) -> Result<Outcome> {
        let results = self.clean_folder()?;
        let mut command = ServerCommand::new(program)
            .env("MCP_SESSIONS", self.sessions)
            .env("MCP_SESSIONS_PER_CLIENT", "200")
            .env("RUST_LOG", "info")
            .env("MCP_AUDIT_READS", "true");
        // The suite asks faster than a client may.
        for quota in ["MCP_RATE_LIMIT", "MCP_RATE_LIMIT_READ", "MCP_RATE_LIMIT_WRITE"] {
            command = command.env(quota, "off");
        }
        for (name, value) in self.environment(&results)? {
            command = command.env(name, value);
        }
        let mut server = command.http().await;
        let asked = self.ask(suite, &server.url(), &results).await;
        let log = server.log().join("\n");
        let status = server.terminate().await;
        fs::write(results.join("server.log"), log)?;
        asked?;
        ensure!(status.success(), "the server ended badly ({status})");
        let scenarios = scenarios_in(&results)?;
        ensure!(!scenarios.is_empty(), "no results, see {}", results.join("suite.log").display());
        Ok(Outcome {
            name: self.name(),
            subject: self.subject.clone(),
            sessions: self.sessions.to_owned(),
            suite: self.suite.as_str().to_owned(),
            protocol: self.protocol.to_owned(),
            scenarios,
        })
    }

    async fn ask(&self, suite: &Suite, url: &str, results: &Path) -> Result<()> {
        let log = File::create(results.join("suite.log"))?;
        let runs: Vec<Vec<&str>> = match self.scenarios {
            Scenarios::All => vec![vec!["--suite", "all", "--spec-version", self.protocol]],
            Scenarios::Required => vec![vec!["--requirements", self.protocol]],
            Scenarios::Named(names) => {
                let run = |name: &&'static str| {
                    vec!["--scenario", *name, "--spec-version", self.protocol]
                };
                names.iter().map(run).collect()
            }
        };
        for run in runs {
            let mut command = suite.command(self.suite);
            command.args(["server", "--url", url, "--output-dir"]).arg(results).args(run);
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
            // Its exit code says that something failed; what, stands in its files.
            let ended = timeout(PATIENCE, command.status()).await;
            ended.with_context(|| format!("no end after {} s", PATIENCE.as_secs()))??;
        }
        Ok(())
    }

    fn clean_folder(&self) -> Result<PathBuf> {
        let name = self.name().replace([' ', '(', ')'], "-");
        let results = folder().join("results").join(name);
        if results.exists() {
            fs::remove_dir_all(&results)?;
        }
        fs::create_dir_all(&results)?;
        Ok(results)
    }

    fn environment(&self, results: &Path) -> Result<sample::Environment> {
        let name = self.subject.trim_start_matches("mcp-");
        if name == "ticketing" {
            let file = results.join("tickets.db");
            return Ok(vec![("DATABASE_URL", format!("sqlite:{}", file.display()))]);
        }
        sample::environment(name)
    }
}

/// What the suite wrote: a folder a scenario, `server-NAME-TIME`, with its checks.
fn scenarios_in(results: &Path) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for entry in fs::read_dir(results)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let (Some(scenario), Ok(checks)) =
            (scenario(&name), fs::read(entry.path().join("checks.json")))
        else {
            continue;
        };
        let checks: Vec<Check> = serde_json::from_slice(&checks).with_context(|| name.clone())?;
        scenarios.push(Scenario { name: scenario.to_owned(), checks });
    }
    scenarios.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(scenarios)
}

/// The scenario that a folder of results is named after.
fn scenario(folder: &str) -> Option<&str> {
    // `2026-11-21T17-28-06-123Z`
    const TIME: usize = 24;
    let name = folder.strip_prefix("server-")?;
    let end = name.len().checked_sub(TIME + 1)?;
    name.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_results_names_its_scenario() {
        let folder = "server-tools-call-image-2026-11-21T17-28-06-123Z";
        assert_eq!(scenario(folder), Some("tools-call-image"));
        let folder = "server-server-initialize-2026-11-21T17-28-06-123Z";
        assert_eq!(scenario(folder), Some("server-initialize"));
        assert_eq!(scenario("suite.log"), None);
    }

    #[test]
    fn every_server_and_both_kinds_of_sessions_are_looked_at() {
        let names: Vec<String> = all().unwrap().iter().map(Round::name).collect();
        for part in ["stateless 2026-07-28", "local 2026-07-28", "stateless 2025-11-25"] {
            assert!(names.iter().any(|name| name.starts_with(SUBJECT) && name.contains(part)));
        }
        for server in servers().unwrap() {
            assert!(names.iter().any(|name| name.starts_with(&server)), "{server}");
        }
    }
}
