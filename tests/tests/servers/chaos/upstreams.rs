//! Weather and internal data over a network that fails.

use std::path::PathBuf;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use mcp_testkit::{HttpClient, InternalApi};
use serde_json::{Value, json};

use super::{proxy, server, storm};

/// A document of `fixtures`.
pub(crate) fn fixture(path: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    serde_json::from_str(&std::fs::read_to_string(folder.join(path)).unwrap()).unwrap()
}

/// Serves `router` on a free port, and tells where.
pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test]
async fn weather_survives_a_network_that_fails_at_random() {
    let open_meteo = get(|Path(what): Path<String>| async move {
        let name = match what.as_str() {
            "search" => "geocoding_berlin",
            "air-quality" => "air_quality",
            other => other,
        };
        fixture(&format!("weather/{name}.json")).to_string()
    });
    let upstream = serve(Router::new().route("/v1/{what}", open_meteo)).await;
    let proxy = proxy(&upstream).await;
    let bases = ["WEATHER_API_URL", "GEOCODING_API_URL", "AIR_QUALITY_API_URL", "ARCHIVE_API_URL"];
    let command = bases.iter().fold(server("mcp-weather"), |it, base| it.env(base, proxy.url()));
    let server = command.http().await;
    // Each asks for places of its own: an answer that is kept asks nobody.
    let weather = |of: usize, turn: usize| json!({ "location": format!("{of}.{:02},{}.5", turn % 100, turn / 100) });
    let client = HttpClient::new(server.url());
    let works = ("get_weather", |turn| weather(80, turn));
    storm(&proxy, (&server, &client), works, |worker| async move {
        let question = |turn| weather(worker.number, turn);
        worker.read("get_weather", question, |_turn, _answer| ()).await;
    })
    .await;
}

#[tokio::test]
async fn internal_data_survives_a_network_that_fails_at_random() {
    let api = InternalApi::start().await;
    api.accept_keys(&["key"]);
    let proxy = proxy(api.url()).await;
    let server = server("mcp-internal-data")
        .env("INTERNAL_API_URL", proxy.url())
        .env("INTERNAL_API_KEY", "key")
        .env("INTERNAL_CACHE_RECORDS", "1ms")
        .http()
        .await;
    let users = |of: usize, turn: usize| json!({ "collection": "users", "filters": { "limit": 1 + (of * 31 + turn) % 100 } });
    let client = HttpClient::new(server.url());
    let works = ("query_data", |turn| users(0, turn));
    storm(&proxy, (&server, &client), works, |worker| async move {
        let question = |turn| users(worker.number, turn);
        worker.read("query_data", question, |_turn, _answer| ()).await;
    })
    .await;
}
