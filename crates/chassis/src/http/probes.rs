//! What the platform asks: alive, ready, healthy, and the figures.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::{SecondsFormat, Utc};
use mcp_telemetry::metrics::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::{Http, admin::Door, refusal, serve::Peer};
use crate::{
    Check, Server,
    app::{RELOAD_CHECK, SHARED_CHECK},
};

/// The addresses of this module.
pub(super) fn routes<S: Server>() -> Router<Arc<Http<S>>> {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready::<S>))
        .route("/health", get(health::<S>))
        .route("/metrics", get(metrics::<S>))
}

/// The process runs.
async fn live() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// The server can be given work: not draining, and every dependency answers.
async fn ready<S: Server>(State(http): State<Arc<Http<S>>>) -> Response {
    let app = http.app.now();
    if app.stopping.is_cancelled() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "draining" }));
    }
    // A server that goes by what it knows itself is ready without what replicas share.
    // So is one that goes by the last good files.
    let required = |check: &Check| match check.name {
        SHARED_CHECK => app.needs_shared_state(),
        name => name != RELOAD_CHECK,
    };
    if checks(&http).await.iter().any(|check| check.problem.is_some() && required(check)) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "not ready" }));
    }
    answer(StatusCode::OK, json!({ "status": "ready" }))
}

/// The state of every dependency; names and times for the operators only.
async fn health<S: Server>(
    State(http): State<Arc<Http<S>>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Extension(door): Extension<Door>,
    headers: HeaderMap,
) -> Response {
    let checks = checks(&http).await;
    let healthy = checks.iter().all(|check| check.problem.is_none());
    let (status, word) = if healthy {
        (StatusCode::OK, "healthy")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    };
    let timestamp = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut body = json!({ "status": word, "timestamp": timestamp });
    if http.gate.now().is_operator(door, &peer, &headers)
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
async fn metrics<S: Server>(
    State(http): State<Arc<Http<S>>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Extension(door): Extension<Door>,
    headers: HeaderMap,
) -> Response {
    if !http.gate.now().is_operator(door, &peer, &headers) {
        return refusal::no_such_address().await;
    }
    let text = http.app.now().render_metrics();
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// What this server depends on: its domain's, its own, and the token issuer.
async fn checks<S: Server>(http: &Http<S>) -> Vec<Check> {
    let (app, gate) = (http.app.now(), http.gate.now());
    let issuer = async {
        match &gate.authentication {
            Some(authentication) => authentication.check().await,
            None => None,
        }
    };
    let (mut checks, issuer) = futures::join!(app.check(), issuer);
    checks.extend(issuer);
    checks
}

fn line(check: &Check) -> (String, Value) {
    let latency_ms = u64::try_from(check.latency.as_millis()).unwrap_or(u64::MAX);
    (check.name.to_owned(), json!({ "ok": check.problem.is_none(), "latency_ms": latency_ms }))
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}
