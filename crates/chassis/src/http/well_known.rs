//! RFC 9728: what a client needs to know to get a token for this server.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use mcp_auth::ProtectedResourceMetadata;

use super::Http;
use crate::Server;

/// The protected-resource metadata.
pub(super) async fn metadata<S: Server>(State(http): State<Arc<Http<S>>>) -> Response {
    let gate = &http.gate;
    let metadata =
        ProtectedResourceMetadata::new(gate.resource.as_str(), Vec::new(), gate.all_scopes.clone());
    Json(metadata).into_response()
}
