//! One system behind a server: asked at a bearable pace, asked again where that is safe, left alone while it is down.

mod breaker;
mod config;
mod credential;
mod issued;
pub(crate) mod observer;
mod pace;
mod retry;
mod send;
mod validators;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use mcp_errors::{Error, ErrorKind, Result};
use reqwest::{RequestBuilder, StatusCode, header::IF_NONE_MATCH};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use tracing::Instrument;
use url::Url;

pub use config::{BaseUrl, LiveLimits, UpstreamConfig, UpstreamLimits};
pub use credential::{UpstreamCredential, UpstreamSecret};
pub use issued::{IssuedToken, TokenIssuer};
pub use observer::{BreakerState, UpstreamObserver};
pub use send::Demand;

use self::{
    breaker::Breaker,
    observer::Observed,
    pace::Pace,
    validators::{Sought, Validators},
};
use crate::{
    ExchangeBounds, Failure, HttpClient,
    client::{Answer, Redirects},
};

/// The largest answer, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// The place of a request in a trace (W3C Trace Context §3.2).
const TRACEPARENT: &str = "traceparent";
/// The longest that one attempt of several may take.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Whether a request may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It changes nothing, or changes the same thing again: another attempt is safe.
    Safe,
    /// Its answer may be lost after it was carried out: one attempt alone.
    Never,
}

/// A system that is asked over HTTP.
#[derive(Debug)]
pub struct Upstream {
    http: HttpClient,
    service: &'static str,
    base: Url,
    credential: Option<UpstreamCredential>,
    limits: LiveLimits,
    /// Of the limits that were in force last.
    pace: ArcSwap<Pace>,
    breaker: Breaker,
    validators: Validators,
    observer: Option<Arc<dyn UpstreamObserver>>,
}

impl Upstream {
    /// The upstream `service`, named as a user knows it (`Open-Meteo`); `agent` is our `User-Agent`, like
    /// `mcp-weather/1.0.0`.
    ///
    /// # Errors
    /// When the base is not an HTTP address, or TLS cannot be set up.
    pub fn new(service: &'static str, agent: &str, config: &UpstreamConfig) -> Result<Self> {
        Self::build(service, agent, Redirects::WithinHost, config)
    }

    /// The same for an upstream whose redirects may lead to what a caller must not see: [`Upstream::send`] hands them
    /// over, and nothing follows them.
    ///
    /// # Errors
    /// As [`Upstream::new`].
    pub fn without_redirects(
        service: &'static str,
        agent: &str,
        config: &UpstreamConfig,
    ) -> Result<Self> {
        Self::build(service, agent, Redirects::Handed, config)
    }

    fn build(
        service: &'static str,
        agent: &str,
        redirects: Redirects,
        config: &UpstreamConfig,
    ) -> Result<Self> {
        Ok(Self {
            http: HttpClient::of_upstream(service, agent, redirects, config.is_chosen)?,
            service,
            base: config.base.to_url()?,
            credential: None,
            limits: config.limits.clone(),
            pace: ArcSwap::from_pointee(Pace::new(config.limits.get())),
            breaker: Breaker::new(service, config.observer.clone()),
            validators: Validators::new(),
            observer: config.observer.clone(),
        })
    }

    /// Sends a credential with every request.
    #[must_use]
    pub fn with_credential(self, credential: UpstreamCredential) -> Self {
        Self { credential: Some(credential), ..self }
    }

    /// Gets what stands at `path` under the base, segment by segment, as JSON.
    ///
    /// # Errors
    /// Those of [`Upstream::get`], and [`ErrorKind::Upstream`] for another text than the agreed one.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        within: Duration,
    ) -> Result<T> {
        let body = self.get(path, query, within).await?;
        self.parsed(&body)
    }

    fn parsed<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T> {
        serde_json::from_slice(body).map_err(|error| {
            let kind = ErrorKind::Upstream { service: self.service.into(), status: None };
            // Not the parser's text: it may repeat what was sent.
            let cause = format!("line {} column {}", error.line(), error.column());
            let text = format!("{} answered something that cannot be read", self.service);
            Error::new(kind, text).with_source(cause)
        })
    }

    /// Gets what stands at `path` under the base. No segment can leave its place, whatever it holds.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::RateLimited`], [`ErrorKind::Timeout`], [`ErrorKind::Unavailable`] when
    /// there is no connection or the upstream is left alone, [`ErrorKind::Upstream`] otherwise.
    pub async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        within: Duration,
    ) -> Result<Bytes> {
        let url = &self.url(path, query)?;
        self.run(Repeat::Safe, within, |deadline| self.fetch(url, deadline)).await
    }

    /// Makes a call under this upstream's pace, retries and circuit breaker. `attempt` is given the time it may take.
    ///
    /// # Errors
    /// That of the last attempt, or [`ErrorKind::Unavailable`] while the upstream is left alone.
    pub async fn run<T, F>(
        &self,
        repeat: Repeat,
        within: Duration,
        attempt: impl Fn(Duration) -> F + Send,
    ) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let pass = self.breaker.admit()?;
        let outcome = self.attempts(repeat, Instant::now() + within, attempt).await;
        pass.ended(outcome.as_ref().is_err_and(|failure| failure.broken));
        outcome.map_err(Error::from)
    }

    async fn attempts<T, F>(
        &self,
        repeat: Repeat,
        deadline: Instant,
        attempt: impl Fn(Duration) -> F + Send,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let pace = self.pace();
        let most = if repeat == Repeat::Safe { pace.limits.attempts.get() } else { 1 };
        let mut made = 0;
        loop {
            let turn = pace.turn(deadline).await.map_err(Failure::answered)?;
            let left = deadline.saturating_duration_since(Instant::now());
            made += 1;
            // What is not repeated gets all the time there is.
            let may_take = if most > 1 { left.min(ATTEMPT) } else { left };
            // Boxed, since it moves through the futures that watch it.
            let failure = match self.observed(made, Box::pin(attempt(may_take))).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            drop(turn);
            let left = deadline.saturating_duration_since(Instant::now());
            match retry::pause(&failure, made, left) {
                Some(pause) if made < most => {
                    let upstream = self.service;
                    tracing::debug!(upstream, ?pause, "asking again: {}", failure.error);
                    sleep(pause).await;
                    self.observer.iter().for_each(|observer| observer.retried());
                }
                _ => return Err(failure),
            }
        }
    }

    /// The pace of the limits in force.
    fn pace(&self) -> Arc<Pace> {
        let limits = self.limits.get();
        let pace = self.pace.load();
        if pace.limits == limits {
            return Arc::clone(&pace);
        }
        // Of many who notice at once, one makes the new pace.
        self.pace.rcu(|now| {
            if now.limits == limits { Arc::clone(now) } else { Arc::new(Pace::new(limits)) }
        });
        self.pace.load_full()
    }

    /// Makes one attempt in a span of its own, and tells how it ended.
    async fn observed<T>(
        &self,
        number: u32,
        attempt: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let observed = Observed::begin(self.observer.as_ref());
        let span = observer::span(self.service, number);
        let outcome = async {
            let outcome = attempt.await;
            match &outcome {
                Ok(_answer) => tracing::debug!("asked"),
                Err(failure) => tracing::debug!("asked in vain: {}", failure.error),
            }
            outcome
        }
        .instrument(span.clone())
        .await;
        let failure = outcome.as_ref().err();
        span.record("error.type", failure.map(|failure| failure.error.kind().code()));
        observed.end(failure);
        outcome
    }

    /// One attempt. What was sent before is not sent again when the upstream says that it still holds (RFC 9110 §13).
    async fn fetch(&self, url: &Url, deadline: Duration) -> Result<Bytes, Failure> {
        let sought = Sought::json(url);
        let known = self.validators.of(&sought).await;
        let mut request = self.http.request(url);
        if let Some(known) = &known {
            request = request.header(IF_NONE_MATCH, &known.etag);
        }
        let answer = self.exchange(request, MAX_BYTES, Instant::now() + deadline).await?;
        match (answer.status, known) {
            (StatusCode::NOT_MODIFIED, Some(known)) => Ok(known.body),
            (StatusCode::OK, _) => {
                self.validators.keep(sought, &answer).await;
                Ok(answer.body)
            }
            (status, _) => Err(Failure::of_answer(self.service, status, &answer.headers)),
        }
    }

    /// Sends a request with our credential; when that is refused, once more with another one, where there is one.
    async fn exchange(
        &self,
        request: RequestBuilder,
        max_bytes: usize,
        until: Instant,
    ) -> Result<Answer, Failure> {
        let bounds = || {
            let deadline = until.saturating_duration_since(Instant::now());
            ExchangeBounds { max_bytes, deadline }
        };
        let trace = self.observer.as_ref().and_then(|observer| observer.traceparent());
        let request = trace.into_iter().fold(request, |it, trace| it.header(TRACEPARENT, trace));
        let Some(credential) = &self.credential else {
            return self.http.send(request, bounds()).await;
        };
        let again = request.try_clone();
        let current = credential.current(until).await?;
        let request = request.header(credential.header(), &current);
        let answer = self.http.send(request, bounds()).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        match (again, credential.instead_of(&current, until).await?) {
            (Some(again), Some(other)) => {
                self.http.send(again.header(credential.header(), other), bounds()).await
            }
            _ => Ok(answer),
        }
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url> {
        let mut url = self.base.clone();
        // The parser would resolve a dot segment, and so leave its place.
        if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(Error::internal("an empty or dot segment in an upstream's path"));
        }
        url.path_segments_mut()
            .map_err(|()| Error::internal("the base of an upstream has no path"))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}
