//! `get_job_logs`.

use mcp_chassis::{
    Budget, CallContext, LineRange, RawText, Result, TextStart, Tool, ToolOutput, ToolSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    names::{Owner, RepositoryName},
    page::TextPlace,
};

/// Reads the end of a job's log; `get_pull_request` with part `checks` tells the ids of jobs. The text follows as a block
/// of its own, with the numbers of its lines in `lines`. Ask for more lines to see what stands before, follow
/// `next_cursor` for what stands behind.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetJobLogs {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// The id of a job of GitHub Actions
    #[validate(range(min = 1, max = "super::MAX_NUMBER"))]
    job_id: u64,
    /// How many lines from the end
    #[serde(default = "default_tail")]
    #[validate(range(min = 1, max = 100_000))]
    tail_lines: u32,
    /// `next_cursor` of an earlier answer for the same job
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

fn default_tail() -> u32 {
    200
}

/// A part of a log; the text itself follows.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobLog {
    /// The job
    job_id: u64,
    /// Which lines are shown
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<LineRange>,
    /// Pass it as `cursor` to go on
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there is more behind
    truncated: bool,
    #[serde(skip)]
    text: Option<RawText>,
}

impl ToolOutput for JobLog {
    fn take_text(&mut self) -> Option<RawText> {
        self.text.take()
    }
}

impl Tool for GetJobLogs {
    type Server = GitHub;
    type Output = JobLog;

    const SPEC: ToolSpec = ToolSpec::read("get_job_logs", "Get job logs")
        .scopes(&["github:read"])
        .deadline_secs(30)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo", "job_id"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<JobLog> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        let (full_name, job) = (repository.to_string(), self.job_id.to_string());
        let parts = ["get_job_logs", &full_name, &job];
        let place = TextPlace::new(&parts, self.cursor.as_deref())?;
        context.source(format!("github:{repository}/jobs/{job}"));
        let log = client.job_log(&repository, self.job_id, context).await?;
        let tail = usize::try_from(self.tail_lines).unwrap_or(usize::MAX);
        let text = Some(place.text(&log, TextStart::LastLines(tail))?);
        Ok(JobLog { job_id: self.job_id, lines: None, next_cursor: None, truncated: false, text })
    }
}
