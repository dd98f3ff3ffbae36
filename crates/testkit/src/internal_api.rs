//! An internal REST API with 100,000 records, for the server that reads such APIs: real HTTP, keys that rotate, entity
//! tags, a slow mode, and failures on demand.

mod data;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub use data::{PROJECTS, USERS};

/// What every request is answered with, for as long as it is set.
#[derive(Debug, Clone)]
pub struct Canned {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// The body as it is.
    pub body: Vec<u8>,
}

/// A running API; it ends when dropped.
#[derive(Debug)]
pub struct InternalApi {
    url: String,
    shared: Arc<Mutex<Mode>>,
    server: JoinHandle<()>,
}

/// How the API behaves now, and what it was asked.
#[derive(Debug, Default)]
struct Mode {
    /// Empty: no key is asked for.
    keys: Vec<String>,
    delay: Duration,
    canned: Option<Canned>,
    requests: Vec<String>,
    revalidated: usize,
}

impl InternalApi {
    /// Starts an API on a free port of 127.0.0.1 that takes any key.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound address"));
        let shared = Arc::new(Mutex::new(Mode::default()));
        let router = router(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serving goes on until the task is aborted");
        });
        Self { url, shared, server }
    }

    /// The base of its paths.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes these keys alone from here on; a rotation takes the old and the new for a while.
    pub fn accept_keys(&self, keys: &[&str]) {
        self.mode().keys = keys.iter().map(|&key| key.to_owned()).collect();
    }

    /// Answers so much later from here on.
    pub fn slow_down(&self, delay: Duration) {
        self.mode().delay = delay;
    }

    /// Answers every request with that, or again with data.
    pub fn answer_with(&self, canned: Option<Canned>) {
        self.mode().canned = canned;
    }

    /// The requests so far, each as path and query.
    pub fn requests(&self) -> Vec<String> {
        self.mode().requests.clone()
    }

    /// How many of them were answered with 304.
    pub fn revalidated(&self) -> usize {
        self.mode().revalidated
    }

    fn mode(&self) -> MutexGuard<'_, Mode> {
        lock(&self.shared)
    }
}

impl Drop for InternalApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(shared: &Mutex<Mode>) -> MutexGuard<'_, Mode> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn router(shared: Arc<Mutex<Mode>>) -> Router {
    Router::new()
        .route("/api/v1/{collection}", get(records))
        .route("/api/v1/users/{id}", get(user))
        .route("/api/v1/metrics/{type}", get(metrics))
        .layer(from_fn_with_state(shared, guard))
}

/// Counts, checks the key, waits, and revalidates.
async fn guard(State(shared): State<Arc<Mutex<Mode>>>, request: Request, next: Next) -> Response {
    let (delay, canned, is_welcome) = {
        let mut mode = lock(&shared);
        mode.requests.push(request.uri().to_string());
        let key = request.headers().get("x-api-key").and_then(|key| key.to_str().ok());
        let is_known = |known: &String| Some(known.as_str()) == key;
        let is_welcome = mode.keys.is_empty() || mode.keys.iter().any(is_known);
        (mode.delay, mode.canned.clone(), is_welcome)
    };
    sleep(delay).await;
    if let Some(canned) = canned {
        return canned.into_response();
    }
    if !is_welcome {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    let is_unchanged = known.is_some() && response.headers().get(header::ETAG) == known.as_ref();
    if !is_unchanged {
        return response;
    }
    lock(&shared).revalidated += 1;
    StatusCode::NOT_MODIFIED.into_response()
}

impl IntoResponse for Canned {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("a status");
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.insert(name, value.parse().expect("a header value"));
        }
        (status, headers, self.body).into_response()
    }
}

/// What stands behind the path.
struct Asked(Vec<(String, String)>);

impl Asked {
    fn new(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.text(name)?.parse().ok()
    }
}

async fn records(Path(collection): Path<String>, RawQuery(query): RawQuery) -> Response {
    let asked = Asked::new(query.as_deref());
    let filter = asked.text("field").zip(asked.text("value"));
    let records = data::records(&collection, filter, asked.number("offset").unwrap_or(0));
    let limit = asked.number("limit").unwrap_or(100).min(100);
    found(records.map(|records| records.take(limit).collect()))
}

async fn user(Path(id): Path<String>) -> Response {
    found(data::user(&id))
}

async fn metrics(Path(metric): Path<String>, RawQuery(query): RawQuery) -> Response {
    let asked = Asked::new(query.as_deref());
    found(data::metrics(&metric, asked.text("range").unwrap_or("24h")))
}

fn found(document: Option<Value>) -> Response {
    let Some(document) = document else { return StatusCode::NOT_FOUND.into_response() };
    let tag = Sha256::digest(document.to_string());
    let tag = URL_SAFE_NO_PAD.encode(&tag[..9]);
    ([(header::ETAG, format!("\"{tag}\""))], Json(document)).into_response()
}
