//! The parts of a pull request, each as it is asked for.

use chrono::{DateTime, Utc};
use mcp_chassis::{CallContext, Error, ErrorKind, Result, TextStart};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Part, PullRequestPart};
use crate::{
    allowlist::Repository,
    client::{Client, Route, Text, in_repository, share, unmarked},
    models::{Partial, PullRequest, author},
    page::{Page, PageStart, TextPlace},
    wire::{self, login},
};

/// How many files, reviews or checks come at once.
const LISTED: u32 = 50;
/// How many of what comes beside them.
const BESIDE: &str = "100";

/// A file that a pull request changes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangedFile {
    /// Its path
    path: String,
    /// Its path before, where it was moved
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_path: Option<String>,
    /// `added`, `modified`, `removed`, `renamed` …
    status: String,
    /// Lines added
    additions: u64,
    /// Lines taken away
    deletions: u64,
}

impl From<wire::ChangedFile> for ChangedFile {
    fn from(file: wire::ChangedFile) -> Self {
        Self {
            path: file.filename,
            previous_path: file.previous_filename,
            status: file.status,
            additions: file.additions,
            deletions: file.deletions,
        }
    }
}

/// What somebody says of the whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Review {
    /// Grows with time
    id: u64,
    /// Who says it
    author: String,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`
    state: String,
    /// What it says, in Markdown
    body: String,
    /// When
    #[serde(skip_serializing_if = "Option::is_none")]
    submitted_at: Option<DateTime<Utc>>,
    /// Where a person reads it
    url: String,
}

impl From<wire::Review> for Review {
    fn from(review: wire::Review) -> Self {
        Self {
            id: review.id,
            author: author(review.user.as_ref()),
            state: review.state,
            body: review.body.unwrap_or_default(),
            submitted_at: review.submitted_at,
            url: review.html_url,
        }
    }
}

/// What somebody says of a line.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReviewComment {
    /// Who says it
    author: String,
    /// The file
    path: String,
    /// The line; absent where it is no longer there
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// What it says, in Markdown
    body: String,
    /// When
    created_at: DateTime<Utc>,
    /// Where a person reads it
    url: String,
}

impl From<wire::ReviewComment> for ReviewComment {
    fn from(comment: wire::ReviewComment) -> Self {
        Self {
            author: author(comment.user.as_ref()),
            path: comment.path,
            line: comment.line,
            body: comment.body,
            created_at: comment.created_at,
            url: comment.html_url,
        }
    }
}

/// A check by an app; one of GitHub Actions is a job, whose log `get_job_logs` reads by this id.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckRun {
    /// The id, of a job of GitHub Actions too
    id: u64,
    /// What is checked
    name: String,
    /// `queued`, `in_progress`, `completed` …
    status: String,
    /// `success`, `failure`, `neutral`, `cancelled`, `skipped`, `timed_out` …; absent until it is completed
    #[serde(skip_serializing_if = "Option::is_none")]
    conclusion: Option<String>,
    /// Where a person reads it
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl From<wire::CheckRun> for CheckRun {
    fn from(run: wire::CheckRun) -> Self {
        let wire::CheckRun { id, name, status, conclusion, html_url } = run;
        Self { id, name, status, conclusion, url: html_url }
    }
}

/// What another system says of a commit.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Status {
    /// Which system
    context: String,
    /// `success`, `failure`, `pending` or `error`
    state: String,
    /// What it says
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl From<wire::Status> for Status {
    fn from(status: wire::Status) -> Self {
        let wire::Status { context, state, description } = status;
        Self { context, state, description }
    }
}

/// One call, with what every part needs.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) client: &'a Client,
    pub(super) repository: Repository,
    pub(super) number: String,
    pub(super) cursor: Option<&'a str>,
    pub(super) context: &'a CallContext,
}

impl Reading<'_> {
    pub(super) async fn summary(&self) -> Result<PullRequestPart> {
        self.no_cursor()?;
        let mut pull = self.pull(50).await?;
        let is_shown = self.is_shown(&pull).await?;
        let body = pull.body.take().filter(|_| is_shown).map(unmarked);
        let mut pull = PullRequest::from(pull);
        if !is_shown {
            pull.withhold();
        }
        let withheld = self.withheld(usize::from(!is_shown));
        Ok(PullRequestPart { pull_request: Some(pull), body, withheld, ..Default::default() })
    }

    pub(super) async fn diff(&self) -> Result<PullRequestPart> {
        let place = TextPlace::new(&self.parts(Part::Diff), self.cursor)?;
        self.admit_author().await?;
        let within = share(self.context, 80);
        let diff = self.client.text_in(&self.repository, &self.route(), Text::Diff, within).await?;
        let text = Some(place.text(&diff, TextStart::Byte(0))?);
        Ok(PullRequestPart { text, ..Default::default() })
    }

    pub(super) async fn files(&self) -> Result<PullRequestPart> {
        let start = self.start(Part::Files)?;
        self.admit_author().await?;
        let within = share(self.context, 80);
        let (pull, files) = futures::join!(
            self.pull(80),
            self.context.step(
                "read a page of files",
                self.client.list_in::<wire::ChangedFile>(
                    &self.repository,
                    self.route().then("files"),
                    &start,
                    within
                )
            ),
        );
        let mut partial = Partial::default();
        let (pull, files) = either(&mut partial, ("summary", pull), ("files", files))?;
        let (files, more) = listed(files);
        let pull_request = pull.map(PullRequest::from);
        Ok(PullRequestPart { pull_request, files, more, partial, ..Default::default() })
    }

    pub(super) async fn reviews(&self) -> Result<PullRequestPart> {
        let start = self.start(Part::Reviews)?;
        let within = share(self.context, 50);
        let comments = self.route().then("comments").with("per_page", BESIDE);
        let (reviews, comments) = futures::join!(
            self.context.step(
                "read a page of reviews",
                self.client.list_in::<wire::Review>(
                    &self.repository,
                    self.route().then("reviews"),
                    &start,
                    within
                )
            ),
            self.context.step(
                "read a page of comments",
                self.client.get_in::<Vec<wire::ReviewComment>>(&self.repository, &comments, within)
            ),
        );
        let mut partial = Partial::default();
        let (mut reviews, comments) =
            either(&mut partial, ("reviews", reviews), ("comments", comments))?;
        let mut comments = comments.map(|comments| comments.value);
        let of_reviews = reviews.iter().flat_map(Page::items).map(|it| login(it.user.as_ref()));
        let of_comments = comments.iter().flatten().map(|it| login(it.user.as_ref()));
        let authors = of_reviews.chain(of_comments).map(|author| (&self.repository, author));
        let trusted = self.client.trusted(authors, self.context).await?;
        let is_shown = |user: Option<&wire::User>| trusted.has(&self.repository, login(user));
        let mut withheld = 0;
        if let Some(reviews) = &mut reviews {
            withheld += reviews.retain(|review| is_shown(review.user.as_ref()));
        }
        if let Some(comments) = &mut comments {
            let before = comments.len();
            comments.retain(|comment| is_shown(comment.user.as_ref()));
            withheld += before - comments.len();
        }
        let (reviews, more) = listed(reviews);
        let comments = comments.map(all_from);
        let withheld = self.withheld(withheld);
        Ok(PullRequestPart { reviews, comments, withheld, more, partial, ..Default::default() })
    }

    pub(super) async fn checks(&self) -> Result<PullRequestPart> {
        let start = self.start(Part::Checks)?;
        let sha = self.pull(30).await?.head.sha;
        let commit = |rest| in_repository(&self.repository, &["commits", &sha, rest]);
        let within = share(self.context, 80);
        let runs = crate::client::paged(commit("check-runs"), &start);
        let statuses = commit("status").with("per_page", BESIDE);
        let (runs, statuses) = futures::join!(
            self.context.step(
                "read a page of checks",
                self.client.get_in::<wire::CheckRuns>(&self.repository, &runs, within)
            ),
            self.context.step(
                "read a page of statuses",
                self.client.get_in::<wire::CombinedStatus>(&self.repository, &statuses, within)
            ),
        );
        let mut partial = Partial::default();
        let (runs, statuses) = either(&mut partial, ("checks", runs), ("statuses", statuses))?;
        let (checks, more) =
            listed(runs.map(|runs| start.page(runs.value.check_runs, runs.has_next)));
        let statuses = statuses.map(|statuses| all_from(statuses.value.statuses));
        Ok(PullRequestPart { checks, statuses, more, partial, ..Default::default() })
    }

    fn route(&self) -> Route {
        in_repository(&self.repository, &["pulls", &self.number])
    }

    async fn pull(&self, percent: u32) -> Result<wire::PullRequest> {
        let within = share(self.context, percent);
        let route = self.route();
        let read = self.client.get_in(&self.repository, &route, within);
        Ok(self.context.step("read the pull request", read).await?.value)
    }

    fn parts(&self, part: Part) -> [String; 4] {
        let name = self.repository.to_string();
        ["get_pull_request".to_owned(), name, self.number.clone(), part.as_str().to_owned()]
    }

    fn start(&self, part: Part) -> Result<PageStart> {
        PageStart::new(&self.parts(part), LISTED, self.cursor)
    }

    fn no_cursor(&self) -> Result<()> {
        match self.cursor {
            None => Ok(()),
            Some(_) => {
                Err(Error::invalid("cursor", "does not belong to this part, which is whole"))
            }
        }
    }

    async fn is_shown(&self, pull: &wire::PullRequest) -> Result<bool> {
        let opener = login(pull.user.as_ref());
        let authors = [(&self.repository, opener)].into_iter();
        let trusted = self.client.trusted(authors, self.context).await?;
        Ok(trusted.has(&self.repository, opener))
    }

    /// What a pull request changes is its author's.
    async fn admit_author(&self) -> Result<()> {
        if !self.client.is_locked_down() || self.is_shown(&self.pull(30).await?).await? {
            return Ok(());
        }
        let kind = ErrorKind::Forbidden { scopes: Vec::new() };
        Err(Error::new(
            kind,
            "its author has no push access, and this server shows only what people with push access wrote",
        ))
    }

    fn withheld(&self, count: usize) -> Option<usize> {
        self.client.is_locked_down().then_some(count)
    }
}

/// Both parts, or the one that could be had with a note of the other; when neither could, the first one's error.
fn either<A, B>(
    partial: &mut Partial,
    (first_name, first): (&'static str, Result<A>),
    (second_name, second): (&'static str, Result<B>),
) -> Result<(Option<A>, Option<B>)> {
    match (first, second) {
        (Err(error), Err(_)) => Err(error),
        (first, second) => Ok((partial.take(first_name, first), partial.take(second_name, second))),
    }
}

fn listed<T, U: From<T>>(page: Option<Page<T>>) -> (Option<Vec<U>>, crate::page::More) {
    let (items, more) = page.map(Page::split).unzip();
    (items, more.unwrap_or_default())
}

fn all_from<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(Into::into).collect()
}
