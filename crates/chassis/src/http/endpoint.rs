//! `/mcp`: through the gate, into the protocol, and what the SDK answers put into the contract's terms.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures::{FutureExt, StreamExt};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use mcp_telemetry::trace::RequestId;

use super::{
    Http,
    forwarded::Sender,
    gate::{Admitted, Gate},
    refusal::{Refusal, add_request_id, quota_headers},
    serve::Peer,
    sessions::Use,
};
use crate::{
    Server,
    caller::{Edge, ScopeSlot},
    spec::scope_set,
    unreadable::unreadable,
};

/// The longest that a client may take to send its body.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

const ANY_OF_BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// Serves one request to `/mcp`.
pub(super) async fn mcp<S: Server>(
    State(http): State<Arc<Http<S>>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let _in_flight = http.in_flight.token();
    let gate = http.gate.now();
    let sender = gate.sender(&peer, request.headers());
    let request_id = sender.request_id.clone().unwrap_or_else(RequestId::generate);
    match exchange((&http, &gate), &sender, request, &request_id).await {
        Ok(mut response) => {
            add_request_id(&mut response, &request_id);
            response
        }
        Err(refusal) => {
            tracing::info!(%request_id, status = refusal.status.as_u16(), "request refused");
            refusal.into_response(&request_id)
        }
    }
}

/// Admits a request, and says what is left of its client's quota whatever becomes of it.
async fn exchange<S: Server>(
    (http, gate): (&Http<S>, &Gate),
    sender: &Sender,
    request: Request,
    request_id: &RequestId,
) -> Result<Response, Refusal> {
    let app = http.app.now();
    if app.stopping.is_cancelled() {
        return Err(Refusal::draining());
    }
    let (parts, body) = request.into_parts();
    let Admitted { principal, quota } =
        gate.admit(sender, &parts, &app.recorder, request_id).await?;
    // From here on the protocol takes the application by itself.
    drop(app);
    let traceparent = parts.headers.get("traceparent").and_then(|it| it.to_str().ok());
    let edge = Edge {
        principal,
        request_id: request_id.clone(),
        address: sender.address,
        authenticator: gate.authenticator().cloned(),
        traceparent: traceparent.map(str::to_owned),
        missing_scopes: ScopeSlot::default(),
    };
    let quota = quota_headers(gate.clients.limit(), &quota);
    match converse((http, gate), edge, parts, body).await {
        Ok(mut response) => {
            response.headers_mut().extend(quota);
            Ok(response)
        }
        Err(refusal) => Err(refusal.with_headers(quota)),
    }
}

/// Hands an admitted request to the protocol and puts its answer into our terms.
async fn converse<S: Server>(
    (http, gate): (&Http<S>, &Gate),
    edge: Edge,
    mut parts: Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read(body, gate.max_body).await?;
    accept_both(&mut parts.headers);
    parts.extensions.insert(edge.clone());
    let Some(call) = http.direct.read(&parts, &body) else {
        // On the heap, so that only who goes this way has room for it.
        return through_the_sdk((http, gate), edge, parts, body).boxed().await;
    };
    let answered = http.direct.answer(call, parts).await?;
    match edge.missing_scopes.missing() {
        Some(scopes) => Err(gate.insufficient(&scope_set(scopes))),
        None => Ok(answered),
    }
}

/// The way of everything but a plain call: the SDK knows every message, and what is wrong with the others.
async fn through_the_sdk<S: Server>(
    (http, gate): (&Http<S>, &Gate),
    edge: Edge,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Refusal> {
    let is_json = names_json(&parts.headers);
    let asked = (&parts.method, &parts.headers);
    let session = http.sessions.admit(&edge.principal, asked, &body).await?;
    // A session's answer streams already when a scope turns out to be missing: there the result says so.
    let is_streaming = matches!(session, Use::Speak);
    let forwarded = axum::http::Request::from_parts(parts, Full::new(body.clone()));
    let answered = http.mcp.handle(forwarded).await;
    http.sessions.settle(session, answered.headers()).await?;
    if let Some(scopes) = edge.missing_scopes.missing().filter(|_| !is_streaming) {
        return Err(gate.insufficient(&scope_set(scopes)));
    }
    let response = in_our_terms(answered.map(Body::new), is_json, &body).await?;
    Ok(if has_type(&response, "text/event-stream") {
        until_credential_ends(response, edge)
    } else {
        response
    })
}

/// A stream outlives the check of its request's credential, so it ends with the credential.
fn until_credential_ends(response: Response, edge: Edge) -> Response {
    let ends = async move { edge.credential_ends().await };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(ends))))
}

fn has_type(response: &Response, media_type: &str) -> bool {
    let named = response.headers().get(header::CONTENT_TYPE);
    named.is_some_and(|value| value.as_bytes().starts_with(media_type.as_bytes()))
}

/// Reads the whole body, bounded in size and time: it is needed again when the SDK refuses it.
async fn read(body: Body, max_body: usize) -> Result<Bytes, Refusal> {
    let collected = tokio::time::timeout(BODY_DEADLINE, Limited::new(body, max_body).collect());
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::too_large(max_body)),
        Ok(Err(_broken)) => {
            Err(Refusal::invalid(StatusCode::BAD_REQUEST, "the body ended before it was complete"))
        }
        Err(_elapsed) => Err(Refusal::invalid(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} s", BODY_DEADLINE.as_secs()),
        )),
    }
}

/// An `Accept` that is absent or `*/*` counts as both media types; the SDK wants them named.
fn accept_both(headers: &mut HeaderMap) {
    let any = headers.get(header::ACCEPT).is_none_or(|accept| accept == "*/*");
    if any {
        headers.insert(header::ACCEPT, ANY_OF_BOTH);
    }
}

fn names_json(headers: &HeaderMap) -> bool {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = named.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// The SDK reports faults of the transport as plain text, and calls an unreadable message an unsupported
/// media type. Its JSON-RPC answers pass as they are.
async fn in_our_terms(
    response: Response,
    is_json: bool,
    body: &Bytes,
) -> Result<Response, Refusal> {
    let status = response.status();
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && is_json {
        return Ok((StatusCode::BAD_REQUEST, Json(unreadable(body))).into_response());
    }
    let is_text =
        !response.headers().contains_key(header::CONTENT_TYPE) || has_type(&response, "text/plain");
    if !status.is_client_error() && !status.is_server_error() || !is_text {
        return Ok(response);
    }
    let text = Limited::new(response.into_body(), 1_024).collect().await;
    let text = text.map(|text| String::from_utf8_lossy(&text.to_bytes()).into_owned());
    let text = text.unwrap_or_else(|_too_long| "the request cannot be served".to_owned());
    Err(match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            Refusal::invalid(status, "this server keeps no sessions: only POST is served here")
        }
        StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(text, "the SDK failed");
            Refusal::failed()
        }
        _ => Refusal::invalid(status, text),
    })
}
