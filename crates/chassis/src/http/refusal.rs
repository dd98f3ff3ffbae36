//! Faults of the transport: a status, a small JSON body, and the headers that say what to do.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mcp_auth::{AuthError, ScopeSet};
use mcp_errors::HttpFault;
use mcp_limits::{
    Decision, RateLimit,
    headers::{policy, rate_limit},
};
use mcp_telemetry::trace::RequestId;

/// The header that carries the request id, both ways.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that is turned away before it becomes a message.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(super) status: StatusCode,
    code: &'static str,
    description: String,
    retry_after: Option<u64>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        description: impl Into<String>,
    ) -> Self {
        let (retry_after, headers) = Default::default();
        Self { status, code, description: description.into(), retry_after, headers }
    }

    pub(super) fn invalid(status: StatusCode, description: impl Into<String>) -> Self {
        Self::new(status, "invalid_request", description)
    }

    pub(super) fn failed() -> Self {
        let text = "the server failed, quote the request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
    }

    pub(super) fn too_large(max_body: usize) -> Self {
        let text = format!("the body is larger than {max_body} bytes (MCP_MAX_BODY)");
        Self::invalid(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// `header` names somebody who is not this server; `setting` is what the deployer would change.
    pub(super) fn foreign(header: &str, setting: &str) -> Self {
        let text =
            format!("{header} is not one of this server's names; its deployer sets {setting}");
        Self::invalid(StatusCode::FORBIDDEN, text)
    }

    /// What came to the proxy without TLS is not to be trusted, and a token in it is no secret any more.
    pub(super) fn in_clear() -> Self {
        Self::invalid(StatusCode::FORBIDDEN, "the proxy was asked without TLS: use `https`")
    }

    pub(super) fn unauthenticated(error: &AuthError, challenge: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error.code(), error.to_string())
            .with(header::WWW_AUTHENTICATE, challenge)
    }

    pub(super) fn unavailable(error: &AuthError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", error.to_string())
            .with(header::RETRY_AFTER, "5")
    }

    /// A guard cannot tell whether the request may pass, so it may not.
    pub(super) fn uncounted(error: &mcp_errors::Error) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", error.message())
            .with(header::RETRY_AFTER, "1")
    }

    pub(super) fn insufficient_scope(needed: &ScopeSet, challenge: &str) -> Self {
        let text = format!("this needs the scope `{needed}`");
        Self::new(StatusCode::FORBIDDEN, "insufficient_scope", text)
            .with(header::WWW_AUTHENTICATE, challenge)
    }

    /// A quota is used up (RFC 6585 §4).
    pub(super) fn limited(limit: &RateLimit, quota: &Decision) -> Self {
        let wait = mcp_limits::headers::retry_after(quota.retry_after);
        let text = format!("the quota is used up, try again in {wait} s");
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", text)
            .with(header::RETRY_AFTER, &wait.to_string());
        refusal.headers.extend(quota_headers(limit, quota));
        refusal.retry_after = Some(wait);
        refusal
    }

    pub(super) fn draining() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "this server is stopping")
            .with(header::RETRY_AFTER, "1")
            .with(header::CONNECTION, "close")
    }

    /// Adds headers that hold whatever was refused.
    pub(super) fn with_headers(
        mut self,
        headers: impl Iterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        self.headers.extend(headers);
        self
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The response, under the id by which the log knows the request.
    pub(super) fn into_response(self, request_id: &RequestId) -> Response {
        let body = HttpFault {
            error: self.code,
            error_description: self.description,
            request_id: request_id.to_string(),
            retry_after: self.retry_after,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.headers);
        add_request_id(&mut response, request_id);
        response
    }
}

/// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers); none without a policy.
pub(super) fn quota_headers(
    limit: &RateLimit,
    quota: &Decision,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let stated = policy("default", limit);
    let left = stated.is_some().then(|| rate_limit("default", quota));
    let headers = [("ratelimit-policy", stated), ("ratelimit", left)];
    headers.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(&value?).ok()?))
    })
}

pub(super) fn add_request_id(response: &mut Response, request_id: &RequestId) {
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

/// Gives a response an id where what made it had none to tell.
pub(super) async fn with_request_id(mut response: Response) -> Response {
    if !response.headers().contains_key(REQUEST_ID) {
        add_request_id(&mut response, &RequestId::generate());
    }
    response
}

/// Tells browsers never to come without TLS again (RFC 6797).
pub(super) async fn with_transport_security(mut response: Response) -> Response {
    const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, A_YEAR);
    response
}

/// Every method that an address does not serve; axum names those that it does in `Allow`.
pub(super) async fn no_such_method() -> Response {
    let text = "this address does not serve that method";
    Refusal::invalid(StatusCode::METHOD_NOT_ALLOWED, text).into_response(&RequestId::generate())
}

/// Every address that is not served.
pub(super) async fn no_such_address() -> Response {
    let request_id = RequestId::generate();
    Refusal::invalid(StatusCode::NOT_FOUND, "there is nothing at this address; MCP is at /mcp")
        .into_response(&request_id)
}
