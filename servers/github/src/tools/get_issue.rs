//! `get_issue`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    GitHub,
    client::{in_repository, share, unmarked},
    models::{Comment, Issue, Partial},
    names::{Owner, RepositoryName},
    page::{More, PageStart},
    wire::{self, login},
};

/// How many comments come with an issue at once.
const COMMENTS: u32 = 30;

/// Reads one issue with its comments, oldest first. Follow `next_cursor` for more comments.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetIssue {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// The issue's number
    #[validate(range(min = 1, max = "super::MAX_NUMBER"))]
    number: u64,
    /// `next_cursor` of an earlier answer for the same issue
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

/// An issue with a part of its comments.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct IssueWithComments {
    #[serde(flatten)]
    issue: Issue,
    /// What it says, in Markdown
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Oldest first
    comments: Vec<Comment>,
    /// How many texts are left out because their authors have no push access
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<usize>,
    #[serde(flatten)]
    more: More,
    #[serde(flatten)]
    partial: Partial,
}

impl ToolOutput for IssueWithComments {
    fn page(&self) -> Option<PageCut> {
        Some(self.more.cut("comments"))
    }
}

impl Tool for GetIssue {
    type Server = GitHub;
    type Output = IssueWithComments;

    const SPEC: ToolSpec = ToolSpec::read("get_issue", "Get issue")
        .scopes(&["github:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(12_000))
        .outside_text(&["github"])
        .open_world()
        .routed(crate::names::ROUTED)
        .audited(&["owner", "repo", "number"]);

    async fn call(self, server: &GitHub, context: &CallContext) -> Result<IssueWithComments> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        let (full_name, number) = (repository.to_string(), self.number.to_string());
        let parts = ["get_issue", &full_name, &number];
        let start = PageStart::new(&parts, COMMENTS, self.cursor.as_deref())?;
        context.source(format!("github:{repository}#{number}"));
        let within = share(context, 50);
        let route = in_repository(&repository, &["issues", &number]);
        let (issue, comments) = futures::join!(
            context
                .step("read the issue", client.get_in::<wire::Issue>(&repository, &route, within)),
            context.step(
                "read a page of comments",
                client.list_in::<wire::Comment>(
                    &repository,
                    route.clone().then("comments"),
                    &start,
                    within
                )
            ),
        );
        let (mut issue, mut partial) = (issue?.value, Partial::default());
        let comments = partial.take("comments", comments);
        let mut comments = comments.unwrap_or_else(|| start.page(Vec::new(), false));
        let opener = login(issue.user.as_ref());
        let authors = comments.items().map(|comment| login(comment.user.as_ref()));
        let authors = authors.chain([opener]).map(|author| (&repository, author));
        let trusted = client.trusted(authors, context).await?;
        let mut withheld =
            comments.retain(|comment| trusted.has(&repository, login(comment.user.as_ref())));
        let is_shown = trusted.has(&repository, opener);
        let body = issue.body.take().filter(|_| is_shown).map(unmarked);
        let mut issue = Issue::from(issue);
        if !is_shown {
            issue.withhold();
            withheld += 1;
        }
        let (comments, more) = comments.split();
        let withheld = client.is_locked_down().then_some(withheld);
        Ok(IssueWithComments { issue, body, comments, withheld, more, partial })
    }
}
