//! What the SDK passes without anything of ours around it, to compare with: a pipeline must not cost conformance.

use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::SUBJECT;
use super::report::{Outcome, Report, Scenario, Status};
use crate::workspace;

const FILE: &str = "tests/conformance/bare.toml";

/// The file as a whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bare {
    bare: Vec<Alone>,
}

/// How many checks the SDK passes alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alone {
    protocol: String,
    suite: String,
    sessions: String,
    /// An extension's scenarios begin with its name; without one it is the protocol itself.
    extension: Option<String>,
    passed: usize,
    /// Checks that the suite only notes for a server like ours.
    #[serde(default)]
    noted: Vec<String>,
}

/// One line of the comparison.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    round: &'a str,
    part: &'a str,
    bare: usize,
    ours: usize,
    noted: usize,
}

impl Bare {
    pub(super) fn read() -> Result<Self> {
        let text = fs::read_to_string(workspace::root().join(FILE)).context(FILE)?;
        toml::from_str(&text).context(FILE)
    }

    /// Prints both side by side; `false` when ours passes less anywhere.
    pub(super) fn compare(&self, report: &Report) -> bool {
        let lines = self.lines(report);
        if lines.is_empty() {
            return true;
        }
        println!(
            "\n{:<58} {:<9} {:>8} {:>5} {:>6}",
            "AGAINST THE BARE SDK", "", "BARE", "OURS", "NOTED"
        );
        for Line { round, part, bare, ours, noted } in &lines {
            let verdict = if ours + noted < *bare { "  LESS" } else { "" };
            println!("{round:<58} {part:<9} {bare:>8} {ours:>5} {noted:>6}{verdict}");
        }
        lines.iter().all(|line| line.ours + line.noted >= line.bare)
    }

    fn lines<'a>(&'a self, report: &'a Report) -> Vec<Line<'a>> {
        let of_round = |round: &'a Outcome| {
            self.bare.iter().filter(|bare| bare.is_of(round)).map(|bare| bare.line(round))
        };
        let rounds = report.rounds.iter().filter(|round| round.subject == SUBJECT);
        rounds.flat_map(of_round).collect()
    }
}

impl Alone {
    fn is_of(&self, round: &Outcome) -> bool {
        (&self.protocol, &self.suite, &self.sessions)
            == (&round.protocol, &round.suite, &round.sessions)
    }

    fn covers(&self, scenario: &Scenario) -> bool {
        let extension = scenario.name.starts_with("tasks-").then_some("tasks");
        extension == self.extension.as_deref()
    }

    fn line<'a>(&'a self, round: &'a Outcome) -> Line<'a> {
        let scenarios = round.scenarios.iter().filter(|scenario| self.covers(scenario));
        let (mut ours, mut noted) = (0, 0);
        for check in scenarios.flat_map(|scenario| &scenario.checks) {
            ours += usize::from(check.status == Status::Success);
            noted += usize::from(check.status == Status::Info && self.noted.contains(&check.id));
        }
        let part = self.extension.as_deref().unwrap_or("protocol");
        Line { round: &round.name, part, bare: self.passed, ours, noted }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Check;
    use super::*;

    fn report(statuses: [Status; 3]) -> Report {
        let check = |(index, status): (usize, Status)| Check {
            id: ["a", "b", "c"][index].to_owned(),
            status,
            error_message: None,
        };
        let checks = |name: &str| Scenario {
            name: name.to_owned(),
            checks: statuses.into_iter().enumerate().map(check).collect(),
        };
        Report::new(vec![Outcome {
            name: "one".to_owned(),
            subject: SUBJECT.to_owned(),
            sessions: "local".to_owned(),
            suite: "1".to_owned(),
            protocol: "2026-07-28".to_owned(),
            scenarios: vec![checks("ping"), checks("tasks-get")],
        }])
    }

    fn bare(more: &str) -> Bare {
        let text =
            "[[bare]]\nprotocol = '2026-07-28'\nsuite = '1'\nsessions = 'local'\npassed = 3\n";
        toml::from_str(&format!("{text}{more}")).unwrap()
    }

    #[test]
    fn a_pipeline_that_passes_less_than_the_bare_sdk_fails() {
        use Status::{Info, Success, Warning};
        assert!(bare("").compare(&report([Success, Success, Success])));
        assert!(!bare("").compare(&report([Success, Success, Warning])));
        assert!(!bare("").compare(&report([Success, Success, Info])), "noted for a reason");
        assert!(bare("noted = ['c']\n").compare(&report([Success, Success, Info])));
    }

    #[test]
    fn an_extension_is_counted_apart() {
        let (all, tasks) = (report([Status::Success; 3]), bare("extension = 'tasks'\n"));
        let line = Line { round: "one", part: "tasks", bare: 3, ours: 3, noted: 0 };
        assert_eq!(tasks.lines(&all), [line]);
    }

    #[test]
    fn the_file_names_what_every_pipeline_has_to_reach() {
        let file = Bare::read().unwrap();
        let passed = |extension: Option<&str>, protocol: &str| {
            let is_it = |it: &&Alone| {
                (it.extension.as_deref(), it.protocol.as_str(), it.sessions.as_str())
                    == (extension, protocol, "local")
                    && it.suite != "0.1.16"
            };
            file.bare.iter().find(is_it).unwrap().passed
        };
        assert_eq!(passed(None, "2026-07-28"), 153);
        assert_eq!(passed(None, "2025-11-25"), 83);
        assert_eq!(passed(Some("tasks"), "2026-07-28"), 44);
    }
}
