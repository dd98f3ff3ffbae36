//! Streamable HTTP: the ring of guards around `/mcp`, and the endpoints beside it.

mod admin;
mod authentication;
mod direct;
mod endpoint;
mod fetch;
mod forwarded;
mod gate;
mod hosts;
mod own_certificate;
mod probes;
mod refusal;
mod serve;
mod sessions;
mod tls;
mod well_known;

use std::sync::Arc;

use axum::{
    Extension, Router,
    http::{Uri, uri::PathAndQuery},
    middleware::map_response,
    response::Redirect,
    routing::{any, get},
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use tokio_util::task::TaskTracker;
use url::Url;

pub(crate) use gate::Gate;
pub(crate) use own_certificate::OwnCertificate;
pub(crate) use serve::{Listeners, Patience, Place, bind, serve};
pub(crate) use sessions::SessionMode;
pub(crate) use tls::expires_at;

use crate::{
    Server,
    app::App,
    config::HttpConfig,
    handler::{Connection, Handler},
    reload::InForce,
};
use admin::Door;
use direct::Direct;
use sessions::Sessions;

/// What every HTTP handler shares.
pub(crate) struct Http<S: Server> {
    app: InForce<App<S>>,
    gate: InForce<Gate>,
    mcp: StreamableHttpService<Handler<S>, LocalSessionManager>,
    direct: Direct<S>,
    sessions: Sessions,
    /// Requests to `/mcp` that are not answered yet.
    in_flight: TaskTracker,
}

impl<S: Server> Http<S> {
    pub(crate) fn new(app: InForce<App<S>>, gate: InForce<Gate>, config: &HttpConfig) -> Self {
        let now = app.now();
        let sessions = Sessions::new(config, now.shared.as_ref());
        let has_sessions = sessions.are_kept();
        let max_body = config.max_body;
        let mut config = StreamableHttpServerConfig::default()
            // Without sessions any replica answers any request of either era.
            .with_legacy_session_mode(has_sessions)
            .with_json_response(true)
            // Host and Origin are checked by the gate, before authentication.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(max_body)
            .with_cancellation_token(now.stopped.clone());
        config.session_store = sessions.store();
        let direct = Direct::new(&app);
        let handler = app.clone();
        let connection = if has_sessions { Connection::Session } else { Connection::Request };
        let factory = move || Ok(Handler::new(handler.clone(), connection.clone()));
        let mcp = StreamableHttpService::new(factory, Arc::clone(&sessions.manager), config);
        Self { app, gate, mcp, direct, sessions, in_flight: TaskTracker::new() }
    }
}

/// Sends everybody to this server's own address, by TLS. The `Host` that a client names has no say in where.
fn redirect_router(resource: &Url) -> Router {
    let mut origin = resource.clone();
    origin.set_path("");
    let origin = origin.as_str().trim_end_matches('/').to_owned();
    Router::new().fallback(async move |uri: Uri| {
        let asked = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        Redirect::permanent(&format!("{origin}{asked}"))
    })
}

/// Every address that is served. Only `/mcp` needs a credential.
fn router<S: Server>(http: Arc<Http<S>>) -> Router {
    let has_tls = http.gate.now().tls.is_some();
    let router = Router::new()
        .route("/mcp", any(endpoint::mcp::<S>))
        .route("/.well-known/oauth-protected-resource", get(well_known::metadata::<S>))
        // RFC 9728 §3.1: the well-known part is inserted before the resource's path.
        .route("/.well-known/oauth-protected-resource/mcp", get(well_known::metadata::<S>))
        .route(
            "/.well-known/oauth-authorization-server",
            get(well_known::authorization_server::<S>),
        )
        .merge(probes::routes())
        .fallback(refusal::no_such_address)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(Extension(Door::Main))
        // Outermost, so that whatever answered is found in the log.
        .layer(map_response(refusal::with_request_id))
        .with_state(http);
    if has_tls { router.layer(map_response(refusal::with_transport_security)) } else { router }
}

/// What operators and the platform are served at an address of their own.
fn admin_router<S: Server>(http: Arc<Http<S>>) -> Router {
    probes::routes()
        .fallback(refusal::no_such_address)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(Extension(Door::Admin))
        .layer(map_response(refusal::with_request_id))
        .with_state(http)
}
