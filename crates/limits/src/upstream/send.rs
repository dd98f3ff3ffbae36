//! Requests that somebody else has built, such as a client library of the upstream's API.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use mcp_errors::{Error, ErrorKind, Result};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, IF_NONE_MATCH, LINK},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use url::Url;

use super::{MAX_BYTES, Repeat, Sought, Upstream};
use crate::{ExchangeBounds, Failure, WriteKey, client::Answer};

/// How much a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// The time for all attempts together.
    pub within: Duration,
    /// The largest answer, in bytes.
    pub max_bytes: usize,
}

impl Upstream {
    /// Sends `request`, whose address is a path under the base with its query, already encoded.
    ///
    /// A request that changes nothing is repeated like any other; one that may change something is sent once. What the
    /// upstream refuses (a redirect, most of 4xx) is an answer, for the caller to judge.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`], [`ErrorKind::Timeout`], [`ErrorKind::Unavailable`] and, for 5xx and answers that break
    /// off or are too large, [`ErrorKind::Upstream`].
    pub async fn send(&self, request: Request<Bytes>, demand: Demand) -> Result<Response<Bytes>> {
        let safe = request.method().is_safe();
        let repeat = if safe { Repeat::Safe } else { Repeat::Never };
        let url = &self.place(request.uri())?;
        let (parts, body) = request.into_parts();
        let attempt = |deadline| {
            let (parts, body) = (parts.clone(), body.clone());
            self.attempt(parts, body, url, Demand { within: deadline, ..demand })
        };
        self.run(repeat, demand.within, attempt).await
    }

    /// Posts `body` as JSON to `path` under the base, segment by segment, once; `key` goes with it as `Idempotency-Key`,
    /// by which an upstream that knows the header tells a repetition from another write.
    ///
    /// # Errors
    /// Those of [`Upstream::get_json`]. After [`ErrorKind::Timeout`] and 5xx it may have been done.
    pub async fn post_json<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
        key: Option<&WriteKey>,
        within: Duration,
    ) -> Result<T> {
        const IDEMPOTENCY_KEY: &str = "idempotency-key";
        let url = &self.url(path, &[])?;
        let body = Bytes::from(serde_json::to_vec(body).map_err(Error::internal)?);
        let post = async |deadline| {
            let mut request = self.http.request_of(http::Method::POST, url).body(body.clone());
            request = request.header(CONTENT_TYPE, "application/json");
            if let Some(key) = key {
                request = request.header(IDEMPOTENCY_KEY, key.as_str());
            }
            let answer = self.exchange(request, MAX_BYTES, Instant::now() + deadline).await?;
            if answer.status.is_success() {
                return Ok(answer.body);
            }
            Err(Failure::of_answer(self.service, answer.status, &answer.headers))
        };
        let body = self.run(Repeat::Never, within, post).await?;
        self.parsed(&body)
    }

    /// Gets what an answer of this upstream points at on another host, without our credential. Whether that host is fit
    /// is for the caller to judge.
    ///
    /// # Errors
    /// As [`Upstream::get`].
    pub async fn get_elsewhere(&self, url: &Url, demand: Demand) -> Result<Bytes> {
        let fetch = async |deadline| {
            let bounds = ExchangeBounds { max_bytes: demand.max_bytes, deadline };
            let answer =
                self.http.send(self.http.request_of(http::Method::GET, url), bounds).await?;
            match answer.status {
                StatusCode::OK => Ok(answer.body),
                status => Err(Failure::of_answer(self.service, status, &answer.headers)),
            }
        };
        self.run(Repeat::Safe, demand.within, fetch).await
    }

    async fn attempt(
        &self,
        parts: http::request::Parts,
        body: Bytes,
        url: &Url,
        demand: Demand,
    ) -> Result<Response<Bytes>, Failure> {
        let until = Instant::now() + demand.within;
        let sought = Sought::new(url, &parts.headers);
        let safe = parts.method.is_safe();
        let known = if safe { self.validators.of(&sought).await } else { None };
        let mut request = self.http.request_of(parts.method, url).headers(parts.headers).body(body);
        if let Some(known) = &known {
            request = request.header(IF_NONE_MATCH, &known.etag);
        }
        let mut answer = self.exchange(request, demand.max_bytes, until).await?;
        match known {
            Some(known) if answer.status == StatusCode::NOT_MODIFIED => {
                answer.status = StatusCode::OK;
                answer.headers.extend(known.link.map(|link| (LINK, link)));
                answer.body = known.body;
            }
            _ if safe && answer.status == StatusCode::OK => {
                self.validators.keep(sought, &answer).await;
            }
            _ => {}
        }
        self.judged(answer)
    }

    /// An answer, unless it says that the upstream does not work or has enough of us.
    fn judged(&self, answer: Answer) -> Result<Response<Bytes>, Failure> {
        let Answer { status, headers, body } = answer;
        if !status.is_success() {
            let failure = Failure::of_answer(self.service, status, &headers);
            if failure.broken || matches!(failure.error.kind(), ErrorKind::RateLimited { .. }) {
                return Err(failure);
            }
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// The address under the base that `uri` names.
    fn place(&self, uri: &http::Uri) -> Result<Url> {
        let mut url = self.base.clone();
        let path = format!("{}{}", self.base.path().trim_end_matches('/'), uri.path());
        url.set_path(&path);
        url.set_query(uri.query());
        // The parser resolves dot segments, encoded ones too: what changed on the way would leave its place.
        if uri.authority().is_some() || url.path() != path {
            return Err(Error::internal("a path that leaves its place in an upstream's address"));
        }
        Ok(url)
    }
}
