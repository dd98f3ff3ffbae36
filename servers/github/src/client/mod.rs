//! The only module that asks GitHub.

mod app;
mod app_key;
mod diagnosis;
mod push_access;
mod refusal;
mod route;
mod transport;
mod writes;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use mcp_chassis::{
    CallContext, Demand, Error, ErrorKind, Result, StartError, Upstream, UpstreamCredential,
};
use serde::de::DeserializeOwned;
use url::Url;

use self::{
    app::App,
    push_access::PushAccess,
    refusal::SERVICE,
    transport::{Api, Ask},
};
pub(crate) use self::{
    refusal::unreadable,
    route::Route,
    writes::{Draft, Written, unmarked},
};
use crate::{
    Config,
    allowlist::{Allowlist, Repository, forbidden},
    config::Identity,
    page::{Page, PageStart},
    wire,
};

const AGENT: &str = concat!("mcp-github/", env!("CARGO_PKG_VERSION"));

/// The largest text that is read, in bytes: a file, a diff or a log.
pub(crate) const MAX_TEXT: usize = 16 << 20;

/// Where GitHub keeps the logs of jobs, to which its API sends whoever asks for one.
const LOG_STORES: [&str; 2] = [".blob.core.windows.net", ".githubusercontent.com"];

/// GitHub, for what the deployment allows.
#[derive(Debug)]
pub(crate) struct Client {
    api: Api,
    app: Option<App>,
    is_nobody: bool,
    /// The host of the API, which may also be that of its logs.
    host: Option<String>,
    pub(crate) allowlist: Allowlist,
    access: Option<PushAccess>,
}

/// A media type that is text as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    File,
    Diff,
    Matches,
}

impl Text {
    fn media_type(self) -> &'static str {
        match self {
            Self::File => "application/vnd.github.raw+json",
            Self::Diff => "application/vnd.github.diff",
            Self::Matches => "application/vnd.github.text-match+json",
        }
    }
}

impl Client {
    pub(crate) async fn new(config: Config) -> Result<Self, StartError> {
        let wrong = |error: Error| StartError::Config(error.to_string());
        let upstream =
            || Upstream::without_redirects(SERVICE, AGENT, &config.upstream).map_err(wrong);
        let is_nobody = matches!(config.identity, Identity::Nobody);
        let (credential, app) = match config.identity {
            Identity::Nobody => (None, None),
            Identity::Token(secret) => (Some(secret.as_bearer().await.map_err(wrong)?), None),
            Identity::App { id, key, installation } => {
                // The app asks for tokens with a credential of its own.
                let app = App::new(Api::new(upstream()?), id, key, installation);
                let app = app.await.map_err(wrong)?;
                (Some(UpstreamCredential::issued(Box::new(app.clone()))), Some(app))
            }
        };
        let upstream = match credential {
            Some(credential) => upstream()?.with_credential(credential),
            None => upstream()?,
        };
        let base: Option<Url> = config.upstream.base.to_string().parse().ok();
        Ok(Self {
            api: Api::new(upstream),
            app,
            is_nobody,
            host: base.and_then(|base| Some(base.host_str()?.to_owned())),
            allowlist: config.allowlist,
            access: config.lockdown.then(PushAccess::new),
        })
    }

    /// Whether only what people with push access wrote is shown.
    pub(crate) fn is_locked_down(&self) -> bool {
        self.access.is_some()
    }

    /// Who this server is to GitHub.
    pub(crate) async fn me(&self, context: &CallContext) -> Result<wire::Account> {
        let within = share(context, 80);
        match &self.app {
            Some(app) => app.account(within).await,
            None => Ok(self.get(&Route::new(&["user"]), within).await?.value),
        }
    }

    /// What stands at a route that belongs to no repository.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        route: &Route,
        within: Duration,
    ) -> Result<Answer<T>> {
        let response = self.api.ask(Ask::get(route, within)).await?;
        if response.status().is_redirection() {
            return Err(elsewhere());
        }
        Answer::new(&response)
    }

    /// What a search finds, with the places where it was found.
    pub(crate) async fn search<T: DeserializeOwned>(
        &self,
        route: &Route,
        within: Duration,
    ) -> Result<Answer<T>> {
        let accept = Text::Matches.media_type();
        let response = self.api.ask(Ask { accept, ..Ask::get(route, within) }).await?;
        if response.status().is_redirection() {
            return Err(elsewhere());
        }
        Answer::new(&response)
    }

    /// What stands at a route within a repository.
    pub(crate) async fn get_in<T: DeserializeOwned>(
        &self,
        repository: &Repository,
        route: &Route,
        within: Duration,
    ) -> Result<Answer<T>> {
        Answer::new(&self.ask_in(repository, Ask::get(route, within)).await?)
    }

    /// A part of a list within a repository.
    pub(crate) async fn list_in<T: DeserializeOwned>(
        &self,
        repository: &Repository,
        route: Route,
        start: &PageStart,
        within: Duration,
    ) -> Result<Page<T>> {
        let answer = self.get_in(repository, &paged(route, start), within).await?;
        Ok(start.page(answer.value, answer.has_next))
    }

    /// A text within a repository, as it is.
    pub(crate) async fn text_in(
        &self,
        repository: &Repository,
        route: &Route,
        text: Text,
        within: Duration,
    ) -> Result<Bytes> {
        let demand = Demand { within, max_bytes: MAX_TEXT };
        let ask = Ask { accept: text.media_type(), demand, ..Ask::get(route, within) };
        Ok(self.ask_in(repository, ask).await?.into_body())
    }

    /// The log of a job. GitHub keeps it elsewhere, where it is fetched without our credential.
    pub(crate) async fn job_log(
        &self,
        repository: &Repository,
        job: u64,
        context: &CallContext,
    ) -> Result<Bytes> {
        let job = job.to_string();
        let route = in_repository(repository, &["actions", "jobs", &job, "logs"]);
        let within = share(context, 40);
        let demand = Demand { within, max_bytes: MAX_TEXT };
        let response = self.api.ask(Ask { demand, ..Ask::get(&route, within) }).await?;
        if !response.status().is_redirection() {
            return Ok(response.into_body());
        }
        let location = location(response.headers()).and_then(|it| it.parse::<Url>().ok());
        match location.filter(|url| self.is_log_store(url)) {
            Some(url) => self.api.upstream.get_elsewhere(&url, demand).await,
            None => Err(self.moved(repository, context.remaining()).await),
        }
    }

    /// Asks within a repository; one that has moved is not followed to where this server may not go.
    async fn ask_in(&self, repository: &Repository, ask: Ask<'_>) -> Result<http::Response<Bytes>> {
        let within = ask.demand.within;
        let response = self.api.ask(ask).await?;
        if response.status().is_redirection() {
            return Err(self.moved(repository, within).await);
        }
        Ok(response)
    }

    /// Why GitHub sends us elsewhere: the repository has another name now, which must be allowed by itself.
    async fn moved(&self, repository: &Repository, within: Duration) -> Error {
        let found = self.full_name_now(repository, within).await;
        let Ok(Some(name)) = found else { return elsewhere() };
        match self.allowlist.find(&name) {
            None => forbidden(),
            Some(now) if now.to_string().eq_ignore_ascii_case(&repository.to_string()) => {
                elsewhere()
            }
            Some(now) => Error::not_found(format!(
                "`{repository}` is now `{now}`, ask for it under that name"
            )),
        }
    }

    async fn full_name_now(
        &self,
        repository: &Repository,
        within: Duration,
    ) -> Result<Option<String>> {
        let route = in_repository(repository, &[]);
        let response = self.api.ask(Ask::get(&route, within)).await?;
        let number = location(response.headers())
            .and_then(|it| it.split_once("/repositories/").map(|(_, number)| number.to_owned()))
            .filter(|number| !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit()));
        let Some(number) = number else { return Ok(None) };
        let route = Route::new(&["repositories", &number]);
        let answer: Answer<wire::Repository> = self.get(&route, within).await?;
        Ok(Some(answer.value.full_name))
    }

    /// Whether a log may be fetched from there: from GitHub's stores, or the host that the deployer chose.
    fn is_log_store(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_githubs = LOG_STORES.iter().any(|store| host.ends_with(store));
        (url.scheme() == "https" && is_githubs) || self.host.as_deref() == Some(host)
    }
}

/// What GitHub answered.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    /// Whether there is a further page.
    pub(crate) has_next: bool,
}

impl<T: DeserializeOwned> Answer<T> {
    fn new(response: &http::Response<Bytes>) -> Result<Self> {
        // Not the parser's text: it may repeat what was sent.
        let value = serde_json::from_slice(response.body())
            .map_err(|error| unreadable().with_source(format!("at line {}", error.line())))?;
        Ok(Self { value, has_next: has_next(response.headers()) })
    }
}

/// Whether `Link` names a next page (RFC 8288).
fn has_next(headers: &HeaderMap) -> bool {
    let links = headers.get(header::LINK).and_then(|link| link.to_str().ok());
    links.is_some_and(|links| links.split(',').any(|link| link.contains("rel=\"next\"")))
}

fn location(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::LOCATION)?.to_str().ok()
}

/// The route of something within a repository.
pub(crate) fn in_repository(repository: &Repository, rest: &[&str]) -> Route {
    let route = Route::new(&["repos", repository.owner(), repository.name()]);
    rest.iter().fold(route, |route, segment| route.then(segment))
}

pub(crate) fn paged(route: Route, start: &PageStart) -> Route {
    route.with("per_page", &start.per_page()).with("page", &start.number())
}

/// Of the time that the call has left, so much for one step; the rest is for what comes after it.
pub(crate) fn share(context: &CallContext, percent: u32) -> Duration {
    context.remaining() * percent / 100
}

/// Nothing was done: unlike an answer that cannot be read, this one says so by its status.
fn elsewhere() -> Error {
    let status = Some(http::StatusCode::FOUND.as_u16());
    let kind = ErrorKind::Upstream { service: SERVICE.into(), status };
    Error::new(kind, "GitHub sent us elsewhere, where this server does not go")
}
