//! The floor: JSON in, JSON out, over axum. What no server on this stack can be faster than.

use std::error::Error;

use axum::{Json, Router, routing::post, serve::ListenerExt};
use mcp_bench::listen_address;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(listen_address()?).await?;
    // As our own server does: without it a streamed answer waits for the client's delayed acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().route("/mcp", post(echo))).await?;
    Ok(())
}

async fn echo(Json(request): Json<Value>) -> Json<Value> {
    let message = request.pointer("/params/arguments/message").cloned().unwrap_or_default();
    let structured = json!({ "message": message });
    Json(json!({
        "jsonrpc": "2.0",
        "id": request.get("id"),
        "result": {
            "content": [{ "type": "text", "text": structured.to_string() }],
            "structuredContent": structured,
        },
    }))
}
