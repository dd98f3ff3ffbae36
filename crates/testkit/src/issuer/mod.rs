//! A development OAuth 2.1 authorization server in this process: for tests, and to try a server with a real login.
//!
//! It speaks what MCP clients use: metadata (RFC 8414, `OpenID` Connect Discovery), registration (RFC 7591) and client
//! id metadata documents, authorization code with PKCE S256, refresh tokens, client credentials, resource indicators
//! (RFC 8707), and `iss` in the authorization response (RFC 9207). Anybody who can open its consent page may log in, so
//! it listens on loopback alone, and forgets everything when it ends.

mod authorize;
mod clients;
mod grants;
mod parameters;
mod signer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use signer::Claims;
use signer::Signer;

use authorize::Logins;
use clients::Clients;
use grants::Grants;

/// How long an access token is good.
pub const TOKEN_LIFETIME: Duration = Duration::from_mins(10);

/// No request of the protocol is longer.
const MAX_BODY_BYTES: usize = 64 << 10;

/// A running issuer; it ends when dropped.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// What all requests work on.
#[derive(Debug)]
struct Shared {
    /// The issuer's identifier: its origin, without a path.
    url: String,
    address: SocketAddr,
    signer: Signer,
    clients: Clients,
    logins: Logins,
    grants: Grants,
}

impl Issuer {
    /// Starts an issuer on a free port of 127.0.0.1, with a key of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let url = format!("http://{address}");
        let shared = Arc::new(Shared {
            url: url.clone(),
            address,
            signer: Signer::generate(),
            clients: Clients::new(),
            logins: Logins::default(),
            grants: Grants::default(),
        });
        let router = router(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serving goes on until the task is aborted");
        });
        Self { url, shared, server }
    }

    /// The issuer's identifier, as `iss` and as a server's `MCP_AUTH_ISSUER`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The claims of a good token for that resource, of the subject `developer` and without scopes.
    pub fn claims(&self, resource: &str) -> Claims {
        Claims::new(&self.url, resource, "developer")
    }

    /// The JWK Set, as a server's `MCP_AUTH_JWKS_FILE` holds it.
    pub fn keys(&self) -> Value {
        json!({ "keys": [self.shared.signer.public_key()] })
    }

    /// A token with those claims, whatever they say, signed by this issuer.
    pub fn token(&self, claims: &Claims) -> String {
        self.shared.signer.sign(claims)
    }

    /// A token that names this issuer's key, but is signed by another.
    pub fn forged_token(&self, claims: &Claims) -> String {
        self.shared.signer.forge(claims)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/jwks", get(keys))
        .route("/register", post(clients::register))
        .route("/authorize", get(authorize::ask).post(authorize::decide))
        .route("/token", post(grants::token))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        // Outermost: a page of another name (DNS rebinding) reaches nothing.
        .layer(from_fn_with_state(Arc::clone(&shared), own_host))
        .layer(middleware::map_response(never_stored))
        .with_state(shared)
}

async fn own_host(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let own = [shared.address.to_string(), format!("localhost:{}", shared.address.port())];
    if host.is_some_and(|host| own.iter().any(|it| it == host)) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

async fn never_stored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Response {
    let url = &shared.url;
    let document = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "registration_endpoint": format!("{url}/register"),
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": clients::GRANT_TYPES,
        "token_endpoint_auth_methods_supported": clients::AUTH_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": true,
        "authorization_response_iss_parameter_supported": true,
        // OpenID Connect Discovery asks for these two, though no ID token is issued.
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    json_response(StatusCode::OK, &document)
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    json_response(StatusCode::OK, &json!({ "keys": [shared.signer.public_key()] }))
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// A refusal of RFC 6749 §5.2, RFC 7591 §3.2.2 or RFC 8707 §2.
#[derive(Debug)]
struct Refusal {
    code: &'static str,
    reason: &'static str,
}

impl Refusal {
    fn new(code: &'static str, reason: &'static str) -> Self {
        Self { code, reason }
    }

    fn invalid_request(reason: &'static str) -> Self {
        Self::new("invalid_request", reason)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.code {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({ "error": self.code, "error_description": self.reason });
        json_response(status, &body)
    }
}
