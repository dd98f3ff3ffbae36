//! The one HTTP client of the workspace: every exchange is bounded in time and size, and goes nowhere else
//! than it was sent.

mod public;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use mcp_errors::{Error, ErrorKind, Result};
use reqwest::{
    ClientBuilder, Method, RequestBuilder, Response, StatusCode,
    header::{self, HeaderMap},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use url::{Url, form_urlencoded};

use self::public::PublicResolver;
use crate::{
    Failure,
    upstream::observer::{note_request, note_status},
};

/// How long a connection may take to be made, whatever the exchange may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How long an upstream may send nothing in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(5);
/// How many redirects within one host are followed.
const MAX_REDIRECTS: usize = 3;
/// The longest reason of a refusal that is read, in bytes.
const MAX_REASON: usize = 16 << 10;
/// What is asked for where nothing else is said.
const JSON: &str = "application/json";

/// The bounds of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeBounds {
    /// The largest body, in bytes. A longer one is an error, never cut off.
    pub max_bytes: usize,
    /// The time for all of it, the body included.
    pub deadline: Duration,
}

/// What becomes of a redirect by an upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Redirects {
    /// It is followed while it stays within the host.
    WithinHost,
    /// It is an answer like any other.
    Handed,
}

impl Redirects {
    fn policy(self) -> Policy {
        match self {
            Self::Handed => Policy::none(),
            Self::WithinHost => Policy::custom(|attempt| {
                let home = attempt.previous().first().map(Url::origin);
                let stays = home == Some(attempt.url().origin());
                let few = attempt.previous().len() <= MAX_REDIRECTS;
                if stays && few { attempt.follow() } else { attempt.stop() }
            }),
        }
    }
}

/// A client of one service; cheap to clone.
///
/// Proxies of the environment are not used, redirects are not followed (an upstream's within its host alone are), and
/// only a 200 is an answer. Errors name the service and never the URL, which may hold a secret.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    service: &'static str,
    /// How long it may send nothing.
    silence: Duration,
}

impl HttpClient {
    /// A client of `service`, which is named as a person knows it: `the token issuer`.
    ///
    /// # Errors
    /// When TLS cannot be set up: the machine has no root certificates.
    pub fn new(service: &'static str) -> Result<Self> {
        let agent = concat!("mcp-chassis/", env!("CARGO_PKG_VERSION"));
        let builder = reqwest::Client::builder().redirect(Policy::none()).user_agent(agent);
        Self::build(service, Duration::MAX, builder)
    }

    /// A client of an upstream: it reaches private addresses only where that is allowed.
    pub(crate) fn of_upstream(
        service: &'static str,
        agent: &str,
        redirects: Redirects,
        private_addresses: bool,
    ) -> Result<Self> {
        let builder = reqwest::Client::builder().redirect(redirects.policy()).user_agent(agent);
        let guarded = if private_addresses {
            builder
        } else {
            builder.dns_resolver(Arc::new(PublicResolver))
        };
        Self::build(service, SILENCE, guarded)
    }

    fn build(service: &'static str, silence: Duration, builder: ClientBuilder) -> Result<Self> {
        let bounded = builder.no_proxy().connect_timeout(CONNECT_DEADLINE).pool_idle_timeout(IDLE);
        let client = bounded.build().map_err(|error| {
            let text = "TLS cannot be set up, install the system's root certificates";
            Error::new(ErrorKind::Unavailable, text).with_source(error.without_url())
        })?;
        Ok(Self { client, service, silence })
    }

    /// Gets a document.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`], [`ErrorKind::Unavailable`] when there is no connection, [`ErrorKind::Upstream`] for
    /// any other answer than a whole 200 within bounds.
    pub async fn get(&self, url: &Url, bounds: ExchangeBounds) -> Result<Bytes> {
        self.exchange(self.client.get(url.clone()), bounds).await
    }

    /// Posts a form as a client with a secret, sent as HTTP Basic (RFC 6749 §2.3.1).
    ///
    /// # Errors
    /// As [`HttpClient::get`].
    pub async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        (id, secret): (&str, &SecretString),
        bounds: ExchangeBounds,
    ) -> Result<Bytes> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (id, secret): (String, String) = (encoded(id), encoded(secret.expose_secret()));
        let request = self
            .client
            .post(url.clone())
            .basic_auth(id, Some(secret))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        self.exchange(request, bounds).await
    }

    async fn exchange(&self, request: RequestBuilder, bounds: ExchangeBounds) -> Result<Bytes> {
        let request = request.header(header::ACCEPT, JSON);
        let answer = self.send(request, bounds).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer.body);
        }
        Err(self.wrong("did not answer 200", Some(answer.status.as_u16())))
    }

    /// Sends a request that somebody else has built, whatever the answer's status.
    ///
    /// # Errors
    /// As [`HttpClient::get`], but for the status.
    pub async fn forward(
        &self,
        request: http::Request<Bytes>,
        bounds: ExchangeBounds,
    ) -> Result<http::Response<Bytes>> {
        let wrong = |_cause| self.wrong("cannot be asked at that address", None);
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(wrong)?;
        let request = self.request_of(parts.method, &url).headers(parts.headers).body(body);
        let answer = self.send(request, bounds).await?;
        let mut response = http::Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    /// A request for JSON that [`HttpClient::send`] makes.
    pub(crate) fn request(&self, url: &Url) -> RequestBuilder {
        self.client.get(url.clone()).header(header::ACCEPT, JSON)
    }

    /// A request of any kind that [`HttpClient::send`] makes.
    pub(crate) fn request_of(&self, method: Method, url: &Url) -> RequestBuilder {
        self.client.request(method, url.clone())
    }

    /// One exchange, whatever its status; the body is read with a success, and with a refusal when it is short.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        bounds: ExchangeBounds,
    ) -> Result<Answer, Failure> {
        let whole = async {
            let request = request.build().map_err(|error| self.unreachable(error))?;
            note_request(request.method(), request.url());
            let response = self.unless_silent(self.client.execute(request), bounds).await?;
            let mut response = response.map_err(|error| self.unreachable(error))?;
            let status = response.status();
            note_status(status.as_u16());
            let body = if status.is_success() {
                self.read(&mut response, bounds).await?
            } else if status.is_client_error() {
                // It only says why: without it the status still does.
                let bounds = ExchangeBounds { max_bytes: MAX_REASON, ..bounds };
                self.read(&mut response, bounds).await.unwrap_or_default()
            } else {
                Bytes::new()
            };
            Ok(Answer { status, headers: std::mem::take(response.headers_mut()), body })
        };
        let late = || Failure::broken(self.late());
        timeout(bounds.deadline, whole).await.unwrap_or_else(|_elapsed| Err(late()))
    }

    /// What comes next in an exchange, unless it is too long in coming. An exchange that ends sooner than that anyway
    /// needs no timer for it.
    async fn unless_silent<T>(
        &self,
        next: impl Future<Output = T>,
        bounds: ExchangeBounds,
    ) -> Result<T, Failure> {
        if bounds.deadline <= self.silence {
            return Ok(next.await);
        }
        timeout(self.silence, next).await.map_err(|_elapsed| Failure::broken(self.late()))
    }

    async fn read(
        &self,
        response: &mut Response,
        bounds: ExchangeBounds,
    ) -> Result<Bytes, Failure> {
        let max_bytes = bounds.max_bytes;
        let too_large = || Failure::answered(self.wrong("sent more than is read", None));
        let announced = response.content_length().unwrap_or_default();
        if announced > max_bytes as u64 {
            return Err(too_large());
        }
        let mut body = BytesMut::with_capacity(usize::try_from(announced).unwrap_or_default());
        loop {
            let chunk = self.unless_silent(response.chunk(), bounds).await?;
            let Some(chunk) = chunk.map_err(|error| self.cut_off(error))? else { break };
            if body.len() + chunk.len() > max_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// There was no connection, or it ended before an answer began.
    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let text = format!("{} cannot be reached", self.service);
        self.broken(error, Error::new(ErrorKind::Unavailable, text))
    }

    /// The answer began and did not end.
    fn cut_off(&self, error: reqwest::Error) -> Failure {
        self.broken(error, self.wrong("broke off the exchange", None))
    }

    fn broken(&self, cause: reqwest::Error, told: Error) -> Failure {
        // The URL may hold a secret.
        let cause = cause.without_url();
        let told = if cause.is_timeout() { self.late() } else { told };
        Failure::broken(told.with_source(cause))
    }

    fn late(&self) -> Error {
        Error::new(ErrorKind::Timeout, format!("{} did not answer in time", self.service))
    }

    fn wrong(&self, problem: &str, status: Option<u16>) -> Error {
        let kind = ErrorKind::Upstream { service: self.service.into(), status };
        Error::new(kind, format!("{} {problem}", self.service))
    }
}

/// What came back, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Of a success, or the reason of a refusal.
    pub(crate) body: Bytes,
}
