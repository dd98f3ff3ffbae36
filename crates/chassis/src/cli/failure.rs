//! How a command fails: the exit code of the contract, and one clear line for each problem.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::config::Problem;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    lines: Vec<String>,
}

impl Failure {
    /// 1: the check that was asked for failed.
    pub(crate) fn check(line: impl Into<String>) -> Self {
        Self { code: 1, lines: vec![line.into()] }
    }

    /// 1, with everything said already.
    pub(crate) fn check_told() -> Self {
        Self { code: 1, lines: Vec::new() }
    }

    /// 2: the configuration or the usage is wrong.
    pub(crate) fn config(line: impl Into<String>) -> Self {
        Self { code: 2, lines: vec![line.into()] }
    }

    pub(crate) fn problems(problems: impl AsRef<[Problem]>) -> Self {
        Self { code: 2, lines: problems.as_ref().iter().map(ToString::to_string).collect() }
    }

    /// 3: a dependency could not be reached at start.
    pub(crate) fn dependency(line: impl Into<String>) -> Self {
        Self { code: 3, lines: vec![line.into()] }
    }

    /// What is said, without the exit code.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(super) fn report(self) -> ExitCode {
        let mut stderr = io::stderr().lock();
        for line in &self.lines {
            // Nowhere is left to say that stderr is closed.
            drop(writeln!(stderr, "error: {line}"));
        }
        ExitCode::from(self.code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::check(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::dependency(format!("{error:#}"))
    }
}
