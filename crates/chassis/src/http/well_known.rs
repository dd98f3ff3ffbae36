//! RFC 9728: what a client needs to know to get a token for this server.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use mcp_auth::ProtectedResourceMetadata;

use super::{Http, refusal::no_such_address};
use crate::Server;

/// The protected-resource metadata.
pub(super) async fn metadata<S: Server>(State(http): State<Arc<Http<S>>>) -> Response {
    let gate = http.gate.now();
    let issuers = gate.oauth().map(|oauth| oauth.issuer.name.clone()).into_iter().collect();
    let (resource, scopes) = (gate.resource.as_str(), gate.all_scopes.clone());
    Json(ProtectedResourceMetadata::new(resource, issuers, scopes)).into_response()
}

/// Clients of 2025-03-26 look here for the authorization server's metadata: the issuer has it.
pub(super) async fn authorization_server<S: Server>(State(http): State<Arc<Http<S>>>) -> Response {
    match http.gate.now().oauth() {
        Some(oauth) => Redirect::temporary(oauth.document().as_str()).into_response(),
        None => no_such_address().await,
    }
}
