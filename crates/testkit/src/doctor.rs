//! `doctor` as a deploy gate runs it, and tables of deployments that it must not let through.

use serde_json::Value;

use crate::ServerCommand;

/// What `doctor --json` said.
#[derive(Debug)]
pub struct Diagnosis {
    /// The exit code.
    pub code: i32,
    /// `{ok, findings: [{name, status, detail}]}`.
    pub report: Value,
}

impl Diagnosis {
    /// Runs `doctor --json`.
    pub async fn of(command: &ServerCommand) -> Self {
        let output = command.clone().args(["doctor", "--json"]).output().await;
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|_| panic!("`doctor --json` printed {output:?}"));
        Self { code: output.status.code().expect("doctor ends by itself"), report }
    }

    /// Whether a finding of that name and status says so.
    pub fn tells(&self, status: &str, name: &str, text: &str) -> bool {
        let findings = self.report["findings"].as_array().expect("a list of findings");
        findings.iter().any(|finding| {
            finding["status"] == status
                && finding["name"] == name
                && finding["detail"].as_str().is_some_and(|detail| detail.contains(text))
        })
    }

    /// Insists on a finding, and that the exit code and `ok` agree with what is found.
    pub fn must_tell(&self, case: &str, (status, name, text): (&str, &str, &str)) {
        assert!(
            self.tells(status, name, text),
            "{case}: no `{status} {name}: … {text} …` in {:#}",
            self.report
        );
        let findings = self.report["findings"].as_array().expect("a list of findings");
        let failed = findings.iter().any(|finding| finding["status"] == "fail");
        assert_eq!((self.code, &self.report["ok"]), (i32::from(failed), &Value::Bool(!failed)));
    }
}
