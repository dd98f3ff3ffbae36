//! What was found: a table for a person, and a file that ships with a release.

use std::fs;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::folder;
use super::reviewed::Verdict;

/// One statement of the suite.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Check {
    pub(super) id: String,
    pub(super) status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error_message: Option<String>,
}

/// How a check ended. Only a failure counts against a server.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Success,
    Failure,
    Warning,
    Skipped,
    Info,
}

/// Checks that belong together.
#[derive(Debug, Serialize)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) checks: Vec<Check>,
}

/// What became of one round.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) sessions: String,
    pub(super) suite: String,
    pub(super) protocol: String,
    pub(super) scenarios: Vec<Scenario>,
}

impl Outcome {
    fn count(&self, status: Status) -> usize {
        let checks = self.scenarios.iter().flat_map(|scenario| &scenario.checks);
        checks.filter(|check| check.status == status).count()
    }

    pub(super) fn passed(&self) -> usize {
        self.count(Status::Success)
    }

    pub(super) fn failed(&self) -> usize {
        self.count(Status::Failure)
    }

    /// The checks of one status, each with its scenario.
    pub(super) fn having(&self, status: Status) -> impl Iterator<Item = (&str, &Check)> {
        self.scenarios.iter().flat_map(move |scenario| {
            let checks = scenario.checks.iter().filter(move |check| check.status == status);
            checks.map(|check| (scenario.name.as_str(), check))
        })
    }
}

/// What became of all rounds.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    passed: usize,
    failed: usize,
    pub(super) rounds: Vec<Outcome>,
}

impl Report {
    pub(super) fn new(rounds: Vec<Outcome>) -> Self {
        let sum = |count: fn(&Outcome) -> usize| rounds.iter().map(count).sum();
        Self { passed: sum(Outcome::passed), failed: sum(Outcome::failed), rounds }
    }

    /// Writes `target/conformance/report.json`.
    pub(super) fn write(&self) -> Result<()> {
        let file = folder().join("report.json");
        fs::create_dir_all(folder())?;
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&file, text).with_context(|| file.display().to_string())
    }

    /// Prints the table, what failed and why that is so.
    pub(super) fn print(&self, verdict: &Verdict<'_>) {
        println!(
            "\n{:<18} {:<10} {:<11} {:<15} {:>6} {:>6} {:>8} {:>7}",
            "SERVER", "SESSIONS", "PROTOCOL", "SUITE", "PASSED", "FAILED", "WARNINGS", "SKIPPED"
        );
        for round in &self.rounds {
            println!(
                "{:<18} {:<10} {:<11} {:<15} {:>6} {:>6} {:>8} {:>7}",
                round.subject,
                round.sessions,
                round.protocol,
                round.suite,
                round.passed(),
                round.failed(),
                round.count(Status::Warning),
                round.count(Status::Skipped)
            );
        }
        for (round, scenario, check) in self.warnings() {
            let said = check.error_message.as_deref().unwrap_or_default();
            println!("warning: {round}: {scenario}: {} {said}", check.id);
        }
        verdict.print();
    }

    /// Prints the last line, and where everything stands.
    pub(super) fn print_sum(&self, verdict: &Verdict<'_>) {
        println!("\nreport: {}", folder().join("report.json").display());
        println!("{} passed, {} failed", self.passed, verdict.unexplained());
    }

    fn warnings(&self) -> impl Iterator<Item = (&str, &str, &Check)> {
        self.rounds.iter().flat_map(|round| {
            let warnings = round.having(Status::Warning);
            warnings.map(|(scenario, check)| (round.name.as_str(), scenario, check))
        })
    }
}
