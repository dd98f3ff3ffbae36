//! A weather service that answers from recorded files after a while, and counts what it is asked. A call of a tool it
//! answers as late: no server before it can be faster.

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use mcp_bench::listen_address;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const FORECAST: &str = include_str!("../../../fixtures/weather/forecast.json");
const PLACES: &str = include_str!("../../../fixtures/weather/geocoding_berlin.json");

/// What every request shares.
struct Upstream {
    delay: Duration,
    forecasts: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let delay = env::args().skip_while(|argument| argument != "--delay-ms").nth(1);
    let delay = Duration::from_millis(delay.unwrap_or_default().parse().unwrap_or_default());
    let upstream = Arc::new(Upstream { delay, forecasts: AtomicU64::new(0) });
    let router = Router::new()
        .route("/v1/forecast", get(forecast))
        .route("/v1/search", get(places))
        .route("/forecasts", get(forecasts))
        .route("/mcp", post(call))
        .with_state(upstream);
    let listener = TcpListener::bind(listen_address()?).await?;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn forecast(State(upstream): State<Arc<Upstream>>) -> Response {
    upstream.forecasts.fetch_add(1, Ordering::Relaxed);
    answer(&upstream, FORECAST).await
}

async fn places(State(upstream): State<Arc<Upstream>>) -> Response {
    answer(&upstream, PLACES).await
}

async fn answer(upstream: &Upstream, document: &'static str) -> Response {
    tokio::time::sleep(upstream.delay).await;
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}

/// What a call of a tool is answered when there is nothing before the upstream.
async fn call(State(upstream): State<Arc<Upstream>>, Json(call): Json<Value>) -> Json<Value> {
    tokio::time::sleep(upstream.delay).await;
    Json(json!({ "jsonrpc": "2.0", "id": call.get("id"), "result": { "forecast": [] } }))
}

/// How many forecasts were asked for so far.
async fn forecasts(State(upstream): State<Arc<Upstream>>) -> String {
    upstream.forecasts.load(Ordering::Relaxed).to_string()
}
