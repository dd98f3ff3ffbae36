//! What one client can take of a server's memory and connections.

use std::time::Duration;

use futures::future::join_all;
use mcp_testkit::{HttpClient, ServerProcess, http::ReplyStream};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::support::command;

/// What a process has in memory, in KiB (proc(5)).
fn resident(server: &ServerProcess) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn is_well(server: &ServerProcess) {
    let client = HttpClient::new(server.url());
    let found = client.call_tool("search_tickets", json!({ "query": "x" })).await;
    assert_eq!((found.status.as_u16(), found.result()["isError"].as_bool()), (200, Some(false)));
}

#[tokio::test]
async fn idle_connections_cost_little_and_keep_nobody_out() {
    const CONNECTIONS: u64 = 2_000;
    let server = command().http().await;
    is_well(&server).await;
    let before = resident(&server);
    let mut idle = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // Half of them begin a request and never end it.
        if number % 2 == 0 {
            stream.write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nx-slow: ").await.unwrap();
        }
        idle.push(stream);
    }
    is_well(&server).await;
    let each = (resident(&server).saturating_sub(before)) / CONNECTIONS;
    assert!(each <= 24, "{each} KiB for each idle connection");
    drop(idle);
    is_well(&server).await;
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
        // Acknowledged, so that its place is taken.
        assert!(stream.next().await.is_some());
    }
    assert!(is_refused(listen().await).await);
    drop(streams.pop());
    // A place that is given back is free again as soon as the server has seen the end of its connection.
    let again = async { while is_refused(listen().await).await {} };
    timeout(Duration::from_secs(10), again).await.unwrap();
    is_well(&server).await;
}

/// Whether a stream ends at once, for the reason that there are too many.
async fn is_refused(mut stream: ReplyStream) -> bool {
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
