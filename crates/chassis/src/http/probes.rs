//! What the platform asks: alive, ready, healthy, and the figures.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{SecondsFormat, Utc};
use mcp_telemetry::metrics::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::{Http, refusal};
use crate::{Check, Server};

/// The process runs.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// The server can be given work: not draining, and every dependency answers.
pub(super) async fn ready<S: Server>(State(http): State<Arc<Http<S>>>) -> Response {
    if http.app.stopping.is_cancelled() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "draining" }));
    }
    if http.app.check().await.iter().any(|check| check.problem.is_some()) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "not ready" }));
    }
    answer(StatusCode::OK, json!({ "status": "ready" }))
}

/// The state of every dependency; names and times for the operators only.
pub(super) async fn health<S: Server>(
    State(http): State<Arc<Http<S>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let checks = http.app.check().await;
    let healthy = checks.iter().all(|check| check.problem.is_none());
    let (status, word) = if healthy {
        (StatusCode::OK, "healthy")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    };
    let timestamp = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut body = json!({ "status": word, "timestamp": timestamp });
    if is_operator(peer, &headers)
        && let Value::Object(body) = &mut body
    {
        body.insert(
            "checks".to_owned(),
            Value::Object(checks.iter().map(line).collect::<Map<_, _>>()),
        );
    }
    answer(status, body)
}

/// The figures, for the operators only.
pub(super) async fn metrics<S: Server>(
    State(http): State<Arc<Http<S>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    if !is_operator(peer, &headers) {
        return refusal::no_such_address().await;
    }
    let text = http.app.render_metrics();
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// Whether the peer is on this machine and speaks for itself: behind a proxy on the same machine everybody
/// would look like an operator.
fn is_operator(peer: SocketAddr, headers: &HeaderMap) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip"];
    peer.ip().to_canonical().is_loopback() && !forwarded.iter().any(|it| headers.contains_key(*it))
}

fn line(check: &Check) -> (String, Value) {
    let latency_ms = u64::try_from(check.latency.as_millis()).unwrap_or(u64::MAX);
    (check.name.to_owned(), json!({ "ok": check.problem.is_none(), "latency_ms": latency_ms }))
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}
