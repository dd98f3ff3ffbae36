//! Servers as child processes: address, log, signals, and no orphans.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use mcp_testkit::ServerCommand;

use crate::echo_server;

#[tokio::test]
async fn an_http_server_names_its_address_and_ends_on_sigterm() {
    let mut server = echo_server().http().await;
    assert_ne!(server.address().port(), 0);
    assert!(server.log().first().unwrap().starts_with("listening"));
    assert_eq!(server.terminate().await.signal(), Some(15));
}

#[tokio::test]
async fn kill_9_ends_a_server_at_once() {
    let mut server = echo_server().http().await;
    server.kill_9().await;
    assert!(tokio::net::TcpStream::connect(server.address()).await.is_err());
}

#[tokio::test]
async fn a_dropped_server_is_killed() {
    let server = echo_server().http().await;
    let address = server.address();
    drop(server);
    let gone = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn a_child_sees_only_path_and_what_it_is_given() {
    let output =
        ServerCommand::new(Path::new("/usr/bin/env")).env("MCP_AUTH", "none").output().await;
    let output = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<&str> =
        output.lines().filter_map(|it| Some(it.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["MCP_AUTH", "PATH"]);
}
