//! `create_issue`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use validator::Validate;

use super::list_issues::few;
use crate::{
    GitHub,
    client::{Draft, Written, in_repository},
    names::{Label, Login, Markdown, Owner, RepositoryName, Title},
    wire::{self, login},
};

/// Opens an issue, which others are told of at once. Search first: it may exist already.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateIssue {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// One line that says what it is about
    title: Title,
    /// The full description, in Markdown
    body: Option<Markdown>,
    /// The names of labels
    #[serde(default)]
    #[validate(custom(function = "few"))]
    labels: Vec<Label>,
    /// The accounts of those who should work on it
    #[serde(default)]
    #[validate(custom(function = "few"))]
    assignees: Vec<Login>,
}

/// The issue that was opened.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NewIssue {
    /// Its number within the repository
    number: u64,
    /// What it is about
    title: String,
    /// Where a person reads it
    url: String,
}

impl ToolOutput for NewIssue {}

impl Written for wire::Issue {
    fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    fn author(&self) -> Option<&str> {
        login(self.user.as_ref())
    }
}

impl Tool for CreateIssue {
    type Server = GitHub;
    type Output = NewIssue;

    const SPEC: ToolSpec = ToolSpec::destructive("create_issue", "Create issue")
        .scopes(&["github:write"])
        .deadline_secs(30)
        .output_budget(Budget::tokens(2_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo"])
        .confirmed("Open the issue “{title}” in {owner}/{repo}? Others are told of it at once.");

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<NewIssue> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        let labels: Vec<&str> = self.labels.iter().map(Label::as_str).collect();
        let assignees: Vec<&str> = self.assignees.iter().map(Login::as_str).collect();
        let mut fields = json!({
            "title": self.title.as_str(), "labels": labels, "assignees": assignees,
        });
        if let (Some(body), Some(fields)) = (&self.body, fields.as_object_mut()) {
            fields.insert("body".to_owned(), body.as_str().into());
        }
        let draft = Draft {
            repository: &repository,
            to: in_repository(&repository, &["issues"]),
            fields,
            among: |repository, login| {
                in_repository(repository, &["issues"])
                    .with("state", "all")
                    .with("creator", login)
                    .with("sort", "created")
                    .with("direction", "desc")
                    .with("per_page", "100")
            },
            name: "the issue",
        };
        let issue: wire::Issue = client.write(draft, context).await?;
        context.source(format!("github:{repository}#{}", issue.number));
        Ok(NewIssue { number: issue.number, title: issue.title, url: issue.html_url })
    }
}
