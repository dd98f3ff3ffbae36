//! The tools, a file each, and the list of those that are offered.

mod add_issue_comment;
mod create_issue;
mod get_file_contents;
mod get_issue;
mod get_job_logs;
mod get_me;
mod get_pull_request;
mod list_commits;
mod list_issues;
mod list_pull_requests;
mod list_repositories;
mod search_code;
mod search_issues;

use mcp_chassis::Catalog;

use crate::GitHub;

pub(crate) use get_file_contents::{Content, is_binary, read as read_contents};

/// Offers every tool, in the order in which clients list them.
pub(crate) fn register(catalog: &mut Catalog<GitHub>) {
    catalog
        .tool::<get_me::GetMe>()
        .tool::<list_repositories::ListRepositories>()
        .tool::<get_file_contents::GetFileContents>()
        .tool::<search_code::SearchCode>()
        .tool::<list_commits::ListCommits>()
        .tool::<list_issues::ListIssues>()
        .tool::<get_issue::GetIssue>()
        .tool::<search_issues::SearchIssues>()
        .tool::<create_issue::CreateIssue>()
        .tool::<add_issue_comment::AddIssueComment>()
        .tool::<list_pull_requests::ListPullRequests>()
        .tool::<get_pull_request::GetPullRequest>()
        .tool::<get_job_logs::GetJobLogs>();
}

fn default_limit() -> u32 {
    30
}

/// The largest number that JSON carries exactly.
const MAX_NUMBER: u64 = (1 << 53) - 1;
