//! Requests that others have built, and credentials that others issue.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use http::{Method, Response};
use mcp_errors::{Error, ErrorKind, Result};
use mcp_limits::{
    Demand, IssuedToken, TokenIssuer, Upstream, UpstreamConfig, UpstreamCredential, UpstreamLimits,
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, header},
};

const DEMAND: Demand = Demand { within: Duration::from_secs(5), max_bytes: 1_000 };

fn upstream(base: &str) -> Upstream {
    let limits = UpstreamLimits::default();
    let base = base.parse().unwrap();
    let config = UpstreamConfig { base, is_chosen: true, limits: limits.into(), observer: None };
    Upstream::without_redirects("GitHub", "mcp-github/1.2.3", &config).unwrap()
}

async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    server
}

async fn send(upstream: &Upstream, method: Method, uri: &str) -> Result<Response<Bytes>> {
    let request = http::Request::builder().method(method).uri(uri).header("accept", "x/y");
    upstream.send(request.body(Bytes::from_static(b"body")).unwrap(), DEMAND).await
}

#[tokio::test]
async fn a_request_keeps_its_form_under_the_base() {
    let server = answering(ResponseTemplate::new(201).set_body_string("made")).await;
    let upstream = upstream(&format!("{}/api/v3/", server.uri()));
    let answer = send(&upstream, Method::POST, "/a%2Fb/c?d=e%26f").await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (201, &b"made"[..]));
    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!((sent.url.path(), sent.url.query()), ("/api/v3/a%2Fb/c", Some("d=e%26f")));
    assert_eq!((sent.method.as_str(), sent.body.as_slice()), ("POST", &b"body"[..]));
    assert_eq!(
        (&sent.headers["accept"], &sent.headers["user-agent"]),
        (&"x/y".parse().unwrap(), &"mcp-github/1.2.3".parse().unwrap())
    );
}

#[tokio::test]
async fn nothing_leaves_the_base() {
    let server = answering(ResponseTemplate::new(200)).await;
    let upstream = upstream(&server.uri());
    for uri in ["/a/../b", "/a/%2e%2e/b", "/.", "/%2E/x", "http://evil.example/x"] {
        let error = send(&upstream, Method::GET, uri).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Internal, "{uri}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_refused_is_an_answer_with_its_reason() {
    for status in [301, 302, 307, 401, 403, 404, 409, 422] {
        let refusal = ResponseTemplate::new(status).set_body_string("why");
        let server = answering(refusal.insert_header("location", "/elsewhere")).await;
        let answer = send(&upstream(&server.uri()), Method::GET, "/a").await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.body().as_ref() == b"why", status >= 400, "{status}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "{status}");
    }
    let long = ResponseTemplate::new(422).set_body_string("x".repeat(20_000));
    let server = answering(long).await;
    let answer = send(&upstream(&server.uri()), Method::GET, "/a").await.unwrap();
    assert!(answer.body().is_empty());
}

#[tokio::test]
async fn what_may_have_been_done_is_not_asked_for_again() {
    for (method, requests) in [(Method::GET, 3), (Method::POST, 1), (Method::DELETE, 1)] {
        let server = answering(ResponseTemplate::new(502)).await;
        assert!(send(&upstream(&server.uri()), method, "/a").await.is_err());
        assert_eq!(server.received_requests().await.unwrap().len(), requests);
    }
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "9");
    let server = answering(limited).await;
    let error = send(&upstream(&server.uri()), Method::POST, "/a").await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RateLimited { retry_after: Duration::from_secs(9) });
    let server = answering(ResponseTemplate::new(200).set_body_string("x".repeat(1_001))).await;
    assert!(send(&upstream(&server.uri()), Method::GET, "/a").await.is_err());
}

#[tokio::test]
async fn what_is_known_is_told_apart_by_its_media_type() {
    let server = MockServer::start().await;
    let answer = |request: &Request| match request.headers.get("if-none-match") {
        Some(_) => ResponseTemplate::new(304),
        None => ResponseTemplate::new(200)
            .insert_header("etag", "\"1\"")
            .insert_header("link", "<x>; rel=\"next\"")
            .set_body_string(request.headers["accept"].to_str().unwrap()),
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let upstream = upstream(&server.uri());
    for _ in 0..2 {
        for accept in ["text/a", "text/b"] {
            let request = http::Request::builder().uri("/a").header("accept", accept);
            let answer = upstream.send(request.body(Bytes::new()).unwrap(), DEMAND).await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.body().as_ref()),
                (200, accept.as_bytes())
            );
            assert!(answer.headers().contains_key("link"));
        }
    }
    let requests = server.received_requests().await.unwrap();
    let known = requests.iter().filter(|it| it.headers.contains_key("if-none-match"));
    assert_eq!((requests.len(), known.count()), (4, 2));
}

/// Issues `token-1`, `token-2` … for so many minutes.
#[derive(Debug)]
struct Numbered(Arc<AtomicUsize>, u64);

#[async_trait]
impl TokenIssuer for Numbered {
    async fn issue(&self) -> Result<IssuedToken> {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        if self.1 == 0 {
            return Err(Error::not_found("no such installation"));
        }
        let token = format!("token-{number}").into();
        Ok(IssuedToken { token, lifetime: Duration::from_mins(self.1) })
    }
}

/// An upstream that takes the token of that number, and how many were issued for it.
async fn taking(number: usize, minutes: u64) -> (MockServer, Upstream, Arc<AtomicUsize>) {
    let server = MockServer::start().await;
    Mock::given(header("authorization", format!("Bearer token-{number}").as_str()))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9)
        .mount(&server)
        .await;
    let issued = Arc::new(AtomicUsize::new(0));
    let numbered = Numbered(Arc::clone(&issued), minutes);
    let credential = UpstreamCredential::issued(Box::new(numbered));
    let upstream = upstream(&server.uri()).with_credential(credential);
    (server, upstream, issued)
}

#[tokio::test]
async fn a_token_is_issued_once_for_all_and_renewed_once_when_it_is_refused() {
    let (_server, upstream, issued) = taking(1, 60).await;
    let answers = join_all((0..20).map(|_| send(&upstream, Method::GET, "/a"))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 200));
    assert_eq!(issued.load(Ordering::Relaxed), 1);
    assert!(!format!("{upstream:?}").contains("token-1"));

    let (_server, upstream, issued) = taking(2, 60).await;
    assert_eq!(send(&upstream, Method::GET, "/a").await.unwrap().status(), 200);
    assert_eq!(issued.load(Ordering::Relaxed), 2);

    let (server, upstream, issued) = taking(99, 60).await;
    assert_eq!(send(&upstream, Method::GET, "/a").await.unwrap().status(), 401);
    assert_eq!(
        (issued.load(Ordering::Relaxed), server.received_requests().await.unwrap().len()),
        (2, 2)
    );
}

#[tokio::test]
async fn a_token_is_replaced_five_minutes_before_its_end() {
    let (_server, upstream, issued) = taking(1, 5).await;
    send(&upstream, Method::GET, "/a").await.unwrap();
    send(&upstream, Method::GET, "/a").await.unwrap();
    assert_eq!(issued.load(Ordering::Relaxed), 2 + 1, "the second was refused and renewed");
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let (server, upstream, issued) = taking(1, 0).await;
    let error = send(&upstream, Method::GET, "/a").await.unwrap_err();
    assert_eq!((error.kind(), issued.load(Ordering::Relaxed)), (&ErrorKind::NotFound, 1));
    assert!(server.received_requests().await.unwrap().is_empty());
}
