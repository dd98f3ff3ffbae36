//! The one HTTP client of the workspace: every exchange is bounded in time and size, and goes nowhere else
//! than it was sent.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mcp_errors::{Error, ErrorKind, Result};
use reqwest::{RequestBuilder, Response, StatusCode, header, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use url::{Url, form_urlencoded};

/// How long a connection may take to be made, whatever the exchange may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);

/// The bounds of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeBounds {
    /// The largest body, in bytes. A longer one is an error, never cut off.
    pub max_bytes: usize,
    /// The time for all of it, the body included.
    pub deadline: Duration,
}

/// A client of one service; cheap to clone.
///
/// Redirects are not followed, proxies of the environment are not used, and only a 200 is an answer. Errors name
/// the service and never the URL, which may hold a secret.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    service: &'static str,
}

impl HttpClient {
    /// A client of `service`, which is named as a person knows it: `the token issuer`.
    ///
    /// # Errors
    /// When TLS cannot be set up: the machine has no root certificates.
    pub fn new(service: &'static str) -> Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_DEADLINE)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("mcp-chassis/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                let text = "TLS cannot be set up, install the system's root certificates";
                Error::new(ErrorKind::Unavailable, text).with_source(error.without_url())
            })?;
        Ok(Self { client, service })
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
        let request = request.header(header::ACCEPT, "application/json");
        let whole = async {
            let response = request.send().await.map_err(|error| self.failed(error))?;
            self.read(response, bounds.max_bytes).await
        };
        timeout(bounds.deadline, whole).await.unwrap_or_else(|_elapsed| Err(self.late()))
    }

    async fn read(&self, mut response: Response, max_bytes: usize) -> Result<Bytes> {
        if response.status() != StatusCode::OK {
            return Err(self.wrong("did not answer 200", Some(response.status().as_u16())));
        }
        let too_large = || self.wrong("sent more than is read", None);
        if response.content_length().is_some_and(|length| length > max_bytes as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if body.len() + chunk.len() > max_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn failed(&self, error: reqwest::Error) -> Error {
        let error = error.without_url();
        let failure = if error.is_timeout() {
            self.late()
        } else if error.is_connect() {
            Error::new(ErrorKind::Unavailable, format!("{} cannot be reached", self.service))
        } else {
            self.wrong("broke off the exchange", None)
        };
        failure.with_source(error)
    }

    fn late(&self) -> Error {
        Error::new(ErrorKind::Timeout, format!("{} did not answer in time", self.service))
    }

    fn wrong(&self, problem: &str, status: Option<u16>) -> Error {
        let kind = ErrorKind::Upstream { service: self.service.into(), status };
        Error::new(kind, format!("{} {problem}", self.service))
    }
}
