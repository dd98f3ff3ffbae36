//! octocrab over the one upstream kit: what octocrab builds, the kit sends, with its deadlines, retries, pace, circuit
//! breaker, revalidation and credentials.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use mcp_chassis::{Demand, Error, Result, Upstream};
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tower::Service;

use super::{Route, refusal};

/// The largest JSON, in bytes.
pub(super) const MAX_JSON: usize = 4 << 20;
/// GitHub's own media type.
pub(super) const JSON: &str = "application/vnd.github+json";

/// What an octocrab of its own asks for, if it ever does.
const UNNAMED: Demand = Demand { within: Duration::from_secs(10), max_bytes: MAX_JSON };

/// GitHub's API under one credential.
#[derive(Clone, Debug)]
pub(super) struct Api {
    octocrab: Octocrab,
    pub(super) upstream: Arc<Upstream>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) route: &'a Route,
    pub(super) accept: &'static str,
    pub(super) body: Option<&'a Value>,
    /// Instead of the credential of the upstream, where that has none.
    pub(super) bearer: Option<&'a SecretString>,
    pub(super) demand: Demand,
}

impl<'a> Ask<'a> {
    /// A request for JSON.
    pub(super) fn get(route: &'a Route, within: Duration) -> Self {
        Self {
            method: Method::GET,
            route,
            accept: JSON,
            body: None,
            bearer: None,
            demand: Demand { within, max_bytes: MAX_JSON },
        }
    }

    /// A request that makes something of `body`.
    pub(super) fn post(route: &'a Route, body: Option<&'a Value>, within: Duration) -> Self {
        Self { method: Method::POST, body, ..Self::get(route, within) }
    }
}

impl Api {
    pub(super) fn new(upstream: Upstream) -> Self {
        let upstream = Arc::new(upstream);
        let kit = Kit(Arc::clone(&upstream));
        let builder = OctocrabBuilder::new_empty().with_service(kit).with_auth(AuthState::None);
        let Ok(octocrab) = builder.build();
        Self { octocrab, upstream }
    }

    /// The answer, whole: a success or a redirect.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Response<Bytes>> {
        let builder = Request::builder()
            .method(ask.method)
            .uri(ask.route.to_string())
            .header(header::ACCEPT, ask.accept)
            .extension(ask.demand);
        let builder = match ask.bearer {
            Some(token) => {
                builder.header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            }
            None => builder,
        };
        let request = self.octocrab.build_request(builder, ask.body).map_err(told)?;
        let mut response = self.octocrab.execute(request).await.map_err(told)?;
        if !response.status().is_redirection() {
            response = octocrab::map_github_error(response).await.map_err(refusal::told)?;
        }
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(told)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// What the kit said on its way through octocrab.
fn told(error: octocrab::Error) -> Error {
    match error {
        octocrab::Error::Service { source, .. } => {
            source.downcast().map_or_else(Error::internal, |error: Box<Error>| *error)
        }
        // Its text may hold the address.
        _ => Error::internal("octocrab could not make the request"),
    }
}

/// The kit as the service that octocrab sends by.
#[derive(Clone, Debug)]
struct Kit(Arc<Upstream>);

impl Service<Request<OctoBody>> for Kit {
    type Response = Response<Full<Bytes>>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        // The kit has a pace of its own.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OctoBody>) -> Self::Future {
        let upstream = Arc::clone(&self.0);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let demand = parts.extensions.remove().unwrap_or(UNNAMED);
            // The kit writes it anew.
            parts.headers.remove(header::CONTENT_LENGTH);
            let body = body.collect().await.map_err(told)?.to_bytes();
            let response = upstream.send(Request::from_parts(parts, body), demand).await?;
            Ok(response.map(Full::new))
        })
    }
}
