//! Failures that were looked at: each with the reason why it is none of ours.

use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::report::{Check, Outcome, Report, Status};
use crate::workspace;

const FILE: &str = "tests/conformance/expected.toml";

/// The file as a whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reviewed {
    #[serde(default)]
    failure: Vec<Expected>,
}

/// A failure that is as it should be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    subject: String,
    sessions: String,
    protocol: String,
    scenario: String,
    /// The check; all of the scenario's when left out.
    check: Option<String>,
    reason: String,
}

/// Every failure, with its reason where there is one.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    failures: Vec<(&'a Outcome, &'a str, &'a Check, Option<&'a Expected>)>,
    /// Entries that nothing failed for.
    outdated: Vec<&'a Expected>,
}

impl Reviewed {
    pub(super) fn read() -> Result<Self> {
        let text = fs::read_to_string(workspace::root().join(FILE)).context(FILE)?;
        toml::from_str(&text).context(FILE)
    }

    /// Compares what failed with what was looked at; `is_whole` when nothing was left out.
    pub(super) fn judge<'a>(&'a self, report: &'a Report, is_whole: bool) -> Verdict<'a> {
        let mut failures = Vec::new();
        for round in &report.rounds {
            for (scenario, check) in round.having(Status::Failure) {
                let expected = self.failure.iter().find(|it| it.covers(round, scenario, check));
                failures.push((round, scenario, check, expected));
            }
        }
        let is_met = |entry: &&Expected| {
            failures.iter().any(|(_, _, _, met)| met.is_some_and(|met| std::ptr::eq(met, *entry)))
        };
        let outdated = self.failure.iter().filter(|entry| is_whole && !is_met(entry)).collect();
        Verdict { failures, outdated }
    }
}

impl Expected {
    fn covers(&self, round: &Outcome, scenario: &str, check: &Check) -> bool {
        self.subject == round.subject
            && self.sessions == round.sessions
            && self.protocol == round.protocol
            && self.scenario == scenario
            && self.check.as_ref().is_none_or(|id| *id == check.id)
    }
}

impl Verdict<'_> {
    /// How many failures nobody has explained.
    pub(super) fn unexplained(&self) -> usize {
        self.failures.iter().filter(|(_, _, _, expected)| expected.is_none()).count()
    }

    pub(super) fn is_passed(&self) -> bool {
        self.unexplained() == 0 && self.outdated.is_empty()
    }

    pub(super) fn print(&self) {
        for (round, scenario, check, expected) in &self.failures {
            let said = check.error_message.as_deref().unwrap_or("no message");
            match expected {
                Some(expected) => println!(
                    "\nexpected: {}: {scenario}: {}\n  {}",
                    round.name, check.id, expected.reason
                ),
                None => println!("\nFAILED: {}: {scenario}: {}\n  {said}", round.name, check.id),
            }
        }
        for entry in &self.outdated {
            println!(
                "\nOUTDATED in {FILE}: {} {} {} {} fails no more; take it out",
                entry.subject, entry.sessions, entry.protocol, entry.scenario
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Scenario;
    use super::*;

    fn report(failing: &str) -> Report {
        let check = |id: &str| Check {
            id: id.to_owned(),
            status: if id == failing { Status::Failure } else { Status::Success },
            error_message: None,
        };
        let checks = vec![check("a"), check("b")];
        Report::new(vec![Outcome {
            name: "one".to_owned(),
            subject: "mcp-conformance".to_owned(),
            sessions: "stateless".to_owned(),
            suite: "1".to_owned(),
            protocol: "2025-11-25".to_owned(),
            scenarios: vec![Scenario { name: "s".to_owned(), checks }],
        }])
    }

    fn reviewed(check: &str) -> Reviewed {
        let text = format!(
            "[[failure]]\nsubject = 'mcp-conformance'\nsessions = 'stateless'\n\
             protocol = '2025-11-25'\nscenario = 's'\ncheck = '{check}'\nreason = 'so it is'\n"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_failure_passes_only_when_it_was_reviewed() {
        assert!(reviewed("a").judge(&report("a"), true).is_passed());
        let unknown = reviewed("b");
        let found = report("a");
        let verdict = unknown.judge(&found, false);
        assert_eq!((verdict.unexplained(), verdict.is_passed()), (1, false));
    }

    #[test]
    fn an_entry_that_fails_no_more_has_to_go() {
        let (entries, found) = (reviewed("a"), report("none"));
        assert!(!entries.judge(&found, true).is_passed());
        assert!(entries.judge(&found, false).is_passed(), "part of the rounds says nothing of it");
    }

    #[test]
    fn the_reviewed_file_is_read_and_gives_a_reason_for_each_entry() {
        let reviewed = Reviewed::read().unwrap();
        assert!(reviewed.failure.iter().all(|entry| entry.reason.len() > 20), "{reviewed:?}");
    }
}
