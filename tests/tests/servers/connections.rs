//! Clients that hold on to what they can: connections without a request, headers without an end, bodies that trickle.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures::future::join_all;
use mcp_testkit::{HttpClient, ServerCommand, ServerProcess};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::process::{resident, server};

const CONNECTIONS: u64 = 10_000;
/// What each may take of the server's memory, in KiB (`docs/OPERATIONS.md`).
const KIB_OF_EACH: u64 = 24;
/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(10);

fn ticketing() -> ServerCommand {
    server("mcp-ticketing").env("DATABASE_URL", "sqlite::memory:")
}

async fn is_well(server: &ServerProcess) {
    let client = HttpClient::new(server.url());
    let found = client.call_tool("search_tickets", json!({ "query": "x" })).await;
    assert_eq!((found.status.as_u16(), found.result()["isError"].as_bool()), (200, Some(false)));
}

/// Lets this process, and those that it starts, have as many files open as the system allows.
fn allow_many_files() {
    let (_soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(
        hard > CONNECTIONS + 500,
        "`ulimit -Hn` is {hard}: this test needs {CONNECTIONS} files"
    );
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

/// A connection from the `number`th loopback address, since one address has too few ports for everybody.
async fn connect(to: SocketAddr, number: u64) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let from = Ipv4Addr::new(127, 0, 1, u8::try_from(number % 250).unwrap() + 1);
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// What the server says until it hangs up.
async fn last_words(stream: &mut TcpStream, within: Duration) -> String {
    let mut said = Vec::new();
    // A reset is an end as well.
    let ended = timeout(within, stream.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "the connection is still open after {within:?}");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn ten_thousand_idle_connections_take_what_is_documented() {
    allow_many_files();
    let server = ticketing().http().await;
    is_well(&server).await;
    let before = resident(&server);
    let mut idle = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = connect(server.address(), number).await;
        // Half of them begin a request and never end it.
        if number % 2 == 0 {
            stream.write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nx-slow: ").await.unwrap();
        }
        idle.push(stream);
    }
    is_well(&server).await;
    let each = resident(&server).saturating_sub(before) / CONNECTIONS;
    assert!(each <= KIB_OF_EACH, "{each} KiB for each idle connection");
    drop(idle);
    is_well(&server).await;
}

#[tokio::test]
async fn headers_that_are_too_many_or_too_long_end_the_connection() {
    let server = ticketing().http().await;
    let post =
        |headers: &str| format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n\r\n");
    // What comes at once may be twice as long as what is waited for.
    let long = "a".repeat(160 << 10);
    for request in [
        post(&"x-many: 1\r\n".repeat(101)),
        post(&format!("x-long: {long}")),
        post(&format!("{long}: 1")),
        format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        format!("{long}{long}"),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // It may hang up before everything is written.
        stream.write_all(request.as_bytes()).await.ok();
        let said = last_words(&mut stream, Duration::from_secs(5)).await;
        let status = said.split(' ').nth(1).unwrap_or_default();
        assert!(["", "400", "414", "431"].contains(&status), "{request:.40}: {said}");
    }
    // What is within the bounds is served, so that they and nothing else refused the rest.
    let mut client = HttpClient::new(server.url());
    for number in 0..80 {
        client = client.header(&format!("x-{number}"), &"a".repeat(500));
    }
    assert_eq!(client.list_tools().await.status, 200);
    is_well(&server).await;
}

#[tokio::test]
async fn a_client_that_trickles_is_cut_off_and_keeps_nobody_out() {
    let server = ticketing().env("MCP_IDLE_TIMEOUT", "1s").http().await;
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let begun = Instant::now();
    let clients = (0..40).map(|number| {
        let address = server.address();
        let slow_with_body = number % 2 == 0;
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            if slow_with_body {
                stream.write_all(b"content-length: 100000\r\n\r\n{").await.unwrap();
            }
            // A byte now and then, so that it never looks idle.
            let (mut from, mut to) = stream.split();
            let trickle = async {
                while to.write_all(b"a").await.is_ok() {
                    sleep(Duration::from_millis(200)).await;
                }
            };
            let mut said = Vec::new();
            let within = BODY + Duration::from_secs(10);
            let ended = timeout(within, async {
                tokio::select! {
                    ended = from.read_to_end(&mut said) => drop(ended),
                    () = trickle => {}
                }
            });
            assert!(ended.await.is_ok(), "still open: {slow_with_body}");
            let took = begun.elapsed();
            let least = if slow_with_body { BODY } else { Duration::from_secs(1) };
            assert!(
                took >= least.saturating_sub(Duration::from_millis(50)),
                "{slow_with_body}: {took:?}"
            );
            String::from_utf8_lossy(&said).into_owned()
        }
    });
    let (said, ()) = tokio::join!(join_all(clients), is_well(&server));
    let late = said.iter().filter(|it| it.starts_with("HTTP/1.1 408 ")).count();
    assert!(late >= 10, "{said:?}");
    is_well(&server).await;
}
