//! Proxies in front, hostile headers, and the operators' addresses.

use mcp_testkit::{HttpClient, ServerCommand, ServerProcess, http::Reply};
use serde_json::json;

use crate::issuer::{get, get_as, ticketing};

fn behind_a_proxy() -> ServerCommand {
    ticketing().env("MCP_TRUSTED_PROXIES", "127.0.0.0/8")
}

async fn ask(server: &ServerProcess, headers: &[(&str, &str)]) -> Reply {
    let client = HttpClient::new(server.url());
    let client = headers.iter().fold(client, |client, (name, value)| client.header(name, value));
    client.call_tool("search_tickets", json!({})).await
}

async fn get_with(server: &ServerProcess, path: &str, headers: &[(&str, &str)]) -> Reply {
    let client = HttpClient::new(format!("http://{}{path}", server.address()));
    get_as(&headers.iter().fold(client, |client, (name, value)| client.header(name, value))).await
}

#[tokio::test]
async fn the_address_quota_follows_the_client_and_not_what_it_writes() {
    let server = behind_a_proxy().env("MCP_RATE_LIMIT_IP", "2/1h").http().await;
    // Each time another forged address on the left; the proxy adds the real one on the right.
    for (forged, status) in [("10.0.0.1", 200), ("127.0.0.1", 200), ("192.0.2.99", 429)] {
        let chain = format!("{forged}, 198.51.100.7");
        assert_eq!(ask(&server, &[("x-forwarded-for", &chain)]).await.status, status, "{forged}");
    }
    assert_eq!(ask(&server, &[("forwarded", "for=198.51.100.8")]).await.status, 200);
    assert_eq!(ask(&server, &[("forwarded", "for=198.51.100.7")]).await.status, 429);
    // One line of IPv6 is one client.
    for (host, status) in [("1", 200), ("ffff:2", 200), ("3", 429)] {
        let chain = format!("for=\"[2001:db8:1:2::{host}]:80\"");
        assert_eq!(ask(&server, &[("forwarded", &chain)]).await.status, status, "{chain}");
    }
    // The machine itself is exempt, and stays so.
    for _ in 0..4 {
        assert_eq!(ask(&server, &[]).await.status, 200);
    }
}

#[tokio::test]
async fn a_client_of_the_proxy_cannot_pass_for_this_machine() {
    let server = behind_a_proxy().env("MCP_RATE_LIMIT_IP", "1/1h").http().await;
    let forged = [("x-forwarded-for", "127.0.0.1")];
    assert_eq!(ask(&server, &forged).await.status, 200);
    assert_eq!(ask(&server, &forged).await.status, 429);
    // Nor by spoiling the headers, so that only the proxy's own address is known.
    let spoiled = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=192.0.2.1")];
    assert_eq!(ask(&server, &spoiled).await.status, 429);
}

#[tokio::test]
async fn hostile_headers_harm_nobody() {
    let server = behind_a_proxy().http().await;
    let long = "for=1.1.1.1, ".repeat(600);
    let deep = ";".repeat(7_000);
    for value in [long.as_str(), &deep, "for=\"", "for=for=for", ",,,,", "=", "for=\"[::\""] {
        let headers = [("forwarded", value), ("x-forwarded-for", value)];
        assert_eq!(ask(&server, &headers).await.status, 200, "{value:.20}");
        let metrics = get_with(&server, "/metrics", &headers).await;
        assert_eq!(metrics.status, 404, "{value:.20}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_from_a_trusted_proxy_alone() {
    let id = [("x-request-id", "from-the-proxy")];
    let trusting = behind_a_proxy().http().await;
    assert_eq!(ask(&trusting, &id).await.header("x-request-id"), "from-the-proxy");
    let hostile = "x".repeat(1_000);
    let replaced = ask(&trusting, &[("x-request-id", &hostile)]).await;
    assert!(replaced.header("x-request-id").len() < 64);
    let wary = ticketing().http().await;
    assert_ne!(ask(&wary, &id).await.header("x-request-id"), "from-the-proxy");
}

#[tokio::test]
async fn what_reached_the_proxy_without_tls_is_refused() {
    let server = behind_a_proxy().env("MCP_TLS_TERMINATED", "true").http().await;
    let client = ("x-forwarded-for", "198.51.100.7");
    for (scheme, status) in [("https", 200), ("http", 403)] {
        let headers = [client, ("x-forwarded-proto", scheme)];
        assert_eq!(ask(&server, &headers).await.status, status, "{scheme}");
        let header = format!("for=198.51.100.7;proto={scheme}");
        assert_eq!(ask(&server, &[("forwarded", &header)]).await.status, status, "{header}");
    }
}

#[tokio::test]
async fn only_operators_see_metrics_and_the_details_of_health() {
    let server = behind_a_proxy().env("MCP_ADMIN_ALLOW", "198.51.100.0/24").http().await;
    for (headers, may) in [
        (&[("x-forwarded-for", "198.51.100.7")][..], true),
        (&[("x-forwarded-for", "198.51.100.7, 203.0.113.9")], false),
        (&[], false),
    ] {
        let metrics = get_with(&server, "/metrics", headers).await;
        assert_eq!(metrics.status, if may { 200 } else { 404 }, "{headers:?}");
        let health = get_with(&server, "/health", headers).await;
        assert_eq!(health.json().get("checks").is_some(), may, "{headers:?}");
    }
}

#[tokio::test]
async fn operators_with_a_listener_of_their_own_come_there_and_nowhere_else() {
    let server = ticketing().env("MCP_ADMIN_LISTEN", "127.0.0.1:0").http().await;
    assert_eq!(get(&server, "/metrics").await.status, 404);
    assert_eq!(get(&server, "/health").await.json().get("checks"), None);

    let line = server.wait_for_log("metrics and health are at").await;
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    let at = |path: &str| HttpClient::new(format!("http://{address}{path}"));
    assert_eq!(get_as(&at("/metrics")).await.status, 200);
    assert!(get_as(&at("/health")).await.json().get("checks").is_some());
    assert_eq!(get_as(&at("/mcp")).await.status, 404);
}
