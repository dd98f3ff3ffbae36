//! What one client can take of a server's streams.

use std::time::Duration;

use futures::future::join_all;
use mcp_testkit::{HttpClient, ServerProcess, http::ReplyStream};
use serde_json::json;
use tokio::time::timeout;

use crate::support::command;

async fn is_well(server: &ServerProcess) {
    let client = HttpClient::new(server.url());
    let found = client.call_tool("search_tickets", json!({ "query": "x" })).await;
    assert_eq!((found.status.as_u16(), found.result()["isError"].as_bool()), (200, Some(false)));
}

#[tokio::test]
async fn a_client_has_so_many_streams_and_no_more() {
    let server = command().http().await;
    let client = HttpClient::new(server.url());
    let listen = || {
        let filter = json!({ "notifications": { "resourcesListChanged": true } });
        client.request("subscriptions/listen", filter).open()
    };
    let mut streams = join_all((0..64).map(|_| listen())).await;
    for stream in &mut streams {
        assert_eq!(stream.status, 200);
        assert!(stream.next().await.is_some());
    }
    // A stream is acknowledged before its place is taken, so that a later one may have got it first.
    let mut late = 0;
    loop {
        let mut stream = listen().await;
        if is_refused(&mut stream).await {
            break;
        }
        late += 1;
        assert!(late < 8, "{late} streams too many");
        streams.push(stream);
    }
    drop(streams.pop());
    // A place that is given back is free again as soon as the server has seen the end of its connection.
    let again = async { while is_refused(&mut listen().await).await {} };
    timeout(Duration::from_secs(10), again).await.unwrap();
    is_well(&server).await;
}

/// Whether a stream ends at once, for the reason that there are too many.
async fn is_refused(stream: &mut ReplyStream) -> bool {
    let ends = async {
        while let Some(message) = stream.next().await {
            if message.to_string().contains("too many streams") {
                return true;
            }
        }
        false
    };
    timeout(Duration::from_millis(500), ends).await.unwrap_or(false)
}
