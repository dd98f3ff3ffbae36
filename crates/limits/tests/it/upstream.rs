//! The upstream kit against servers that misbehave.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use mcp_errors::{Error, ErrorKind};
use mcp_limits::{Repeat, Upstream, UpstreamConfig, UpstreamCredential, UpstreamLimits, WriteKey};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, header, method, path, query_param},
};

const WITHIN: Duration = Duration::from_secs(5);

fn upstream(base: &str) -> Upstream {
    let limits = UpstreamLimits::default();
    let base = base.parse().unwrap();
    let config = UpstreamConfig { base, is_chosen: true, limits: limits.into(), observer: None };
    Upstream::new("Open-Meteo", "mcp-weather/1.2.3", &config).unwrap()
}

async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    server
}

async fn get(upstream: &Upstream) -> Result<Value, Error> {
    upstream.get_json(&["v1", "forecast"], &[], WITHIN).await
}

/// How a single call fails, and how many requests it took.
async fn failure(response: ResponseTemplate) -> (ErrorKind, usize) {
    let server = answering(response).await;
    let error = get(&upstream(&server.uri())).await.unwrap_err();
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    (error.kind().clone(), server.received_requests().await.unwrap().len())
}

fn wrong(status: impl Into<Option<u16>>) -> ErrorKind {
    ErrorKind::Upstream { service: "Open-Meteo".into(), status: status.into() }
}

/// A server that reads a request, writes `reply` and hangs up; counts the connections.
async fn hanging_up(reply: &'static [u8]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 4_096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(reply).await.unwrap();
        }
    });
    (base, count)
}

#[tokio::test]
async fn a_request_says_who_we_are_and_keeps_every_segment_in_its_place() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/base/v1/a%2F..%2Fb%3Fc%23d%25"))
        .and(query_param("name", "Köln & Bonn#"))
        .and(header("user-agent", "mcp-weather/1.2.3"))
        .and(header("x-api-key", "hunter2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "ok": true })))
        .mount(&server)
        .await;
    let upstream = upstream(&format!("{}/base/", server.uri()));
    let credential = UpstreamCredential::fixed("x-api-key", &"hunter2".into()).unwrap();
    let upstream = upstream.with_credential(credential);
    let query = [("name", "Köln & Bonn#")];
    let answer: Value = upstream.get_json(&["v1", "a/../b?c#d%"], &query, WITHIN).await.unwrap();
    assert_eq!(answer, json!({ "ok": true }));
    assert!(!format!("{upstream:?}").contains("hunter2"));
    for dots in ["..", ".", ""] {
        assert!(upstream.get(&["v1", dots], &[], WITHIN).await.is_err(), "{dots}");
    }
}

#[tokio::test]
async fn what_may_pass_is_asked_for_three_times_and_what_will_not_once() {
    let status = ResponseTemplate::new;
    assert_eq!(failure(status(500)).await, (wrong(500), 3));
    assert_eq!(failure(status(503)).await, (wrong(503), 3));
    assert_eq!(failure(status(404)).await, (ErrorKind::NotFound, 1));
    assert_eq!(failure(status(401)).await, (wrong(401), 1));
    assert_eq!(failure(status(403)).await, (wrong(403), 1));
    assert_eq!(failure(status(400)).await, (wrong(400), 1));
    assert_eq!(failure(status(204)).await, (wrong(204), 1));
    assert_eq!(failure(status(304)).await, (wrong(304), 1));
    assert_eq!(failure(status(200).set_body_string("<html>")).await, (wrong(None), 1));
    let huge = status(200).set_body_bytes(vec![b' '; (4 << 20) + 1]);
    assert_eq!(failure(huge).await, (wrong(None), 1));
}

#[tokio::test]
async fn a_limit_is_told_with_the_real_wait() {
    let seconds = Duration::from_secs;
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "7");
    assert_eq!(failure(limited).await, (ErrorKind::RateLimited { retry_after: seconds(7) }, 1));
    let limited = ResponseTemplate::new(429);
    assert_eq!(failure(limited).await, (ErrorKind::RateLimited { retry_after: seconds(60) }, 1));
}

#[tokio::test]
async fn a_short_wait_is_kept_and_the_call_succeeds() {
    let server = MockServer::start().await;
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "1");
    Mock::given(any()).respond_with(limited).up_to_n_times(1).mount(&server).await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(7))
        .mount(&server)
        .await;
    let begun = Instant::now();
    assert_eq!(get(&upstream(&server.uri())).await.unwrap(), 7);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_slow_upstream_is_a_timeout_within_the_caller_s_time() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = answering(slow).await;
    let within = Duration::from_millis(300);
    let begun = Instant::now();
    let error = upstream(&server.uri()).get(&["v1"], &[], within).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_upstream_that_hangs_up_is_unavailable_and_one_that_breaks_off_has_failed() {
    let (base, connections) = hanging_up(b"").await;
    let error = get(&upstream(&base)).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable);
    assert_eq!(connections.load(Ordering::Relaxed), 3);

    let (base, connections) = hanging_up(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await;
    let error = get(&upstream(&base)).await.unwrap_err();
    assert_eq!(*error.kind(), wrong(None));
    assert_eq!(connections.load(Ordering::Relaxed), 3);

    let error = get(&upstream("http://127.0.0.1:1")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_redirect_is_followed_at_home_and_never_abroad() {
    let abroad = answering(ResponseTemplate::new(200).set_body_json(1)).await;
    let elsewhere = ResponseTemplate::new(302).insert_header("location", abroad.uri());
    assert_eq!(failure(elsewhere).await, (wrong(302), 1));
    assert!(abroad.received_requests().await.unwrap().is_empty());

    let home = MockServer::start().await;
    Mock::given(path("/v1/forecast"))
        .respond_with(ResponseTemplate::new(301).insert_header("location", "/v2"))
        .mount(&home)
        .await;
    Mock::given(path("/v2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(2))
        .mount(&home)
        .await;
    assert_eq!(get(&upstream(&home.uri())).await.unwrap(), 2);

    let circle = ResponseTemplate::new(302).insert_header("location", "/v1/forecast");
    assert_eq!(failure(circle).await.0, wrong(302));
}

#[tokio::test]
async fn what_still_holds_is_not_sent_again() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(|request: &Request| {
            if request.headers.get("if-none-match").is_some_and(|it| it == "\"v1\"") {
                return ResponseTemplate::new(304);
            }
            ResponseTemplate::new(200).insert_header("etag", "\"v1\"").set_body_json(7)
        })
        .expect(2)
        .mount(&server)
        .await;
    let upstream = upstream(&server.uri());
    assert_eq!(get(&upstream).await.unwrap(), 7);
    assert_eq!(get(&upstream).await.unwrap(), 7);
}

/// Whoever asks once alone has all the time of the call, and an upstream that says nothing must not take it.
#[tokio::test]
async fn an_upstream_that_falls_silent_is_not_waited_for_to_the_end() {
    let begun = Instant::now();
    let silent = async |reply: &'static [u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let held = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
            stream.write_all(reply).await.unwrap();
            std::future::pending::<()>().await;
        });
        let minute = Duration::from_mins(1);
        let posted = upstream(&base).post_json::<Value>(&["v1"], &json!({}), None, minute).await;
        held.abort();
        posted.unwrap_err()
    };
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{";
    for error in join_all([silent(b""), silent(half)]).await {
        assert_eq!(*error.kind(), ErrorKind::Timeout);
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn an_upstream_that_fails_ten_calls_is_left_alone() {
    let server = answering(ResponseTemplate::new(500)).await;
    let limits = UpstreamLimits { attempts: 1.try_into().unwrap(), ..UpstreamLimits::default() };
    let base = server.uri().parse().unwrap();
    let config = UpstreamConfig { base, is_chosen: true, limits: limits.into(), observer: None };
    let upstream = Upstream::new("Open-Meteo", "mcp-weather/1.2.3", &config).unwrap();
    for _ in 0..10 {
        assert_eq!(*get(&upstream).await.unwrap_err().kind(), wrong(500));
    }
    assert_eq!(*get(&upstream).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(server.received_requests().await.unwrap().len(), 10);
}

#[tokio::test]
async fn nonsense_does_not_open_the_breaker() {
    let server = answering(ResponseTemplate::new(200).set_body_string("{")).await;
    let upstream = upstream(&server.uri());
    for _ in 0..12 {
        assert_eq!(*get(&upstream).await.unwrap_err().kind(), wrong(None));
    }
}

#[tokio::test]
async fn what_changes_something_is_never_repeated() {
    let (made, upstream) = (AtomicUsize::new(0), upstream("http://127.0.0.1:1"));
    let attempt = |_deadline| async {
        made.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>(mcp_limits::Failure::broken(Error::not_found("lost")))
    };
    assert!(upstream.run(Repeat::Never, WITHIN, attempt).await.is_err());
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_write_is_posted_once_with_its_key() {
    let server = answering(ResponseTemplate::new(201).set_body_json(7)).await;
    let key = WriteKey::new("somebody", "create", "k-1").unwrap();
    let post = async |server: &MockServer, key| {
        let (upstream, body) = (upstream(&server.uri()), json!({ "title": "Leak" }));
        upstream.post_json::<u32>(&["v1", "a/b"], &body, key, WITHIN).await
    };
    assert_eq!(post(&server, Some(&key)).await.unwrap(), 7);
    assert_eq!(post(&server, None).await.unwrap(), 7);
    let requests = server.received_requests().await.unwrap();
    let [keyed, unkeyed] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((keyed.method.as_str(), keyed.url.path()), ("POST", "/v1/a%2Fb"));
    assert_eq!(keyed.headers["content-type"], "application/json");
    assert_eq!(keyed.headers["idempotency-key"], key.as_str());
    assert_eq!(keyed.body_json::<Value>().unwrap(), json!({ "title": "Leak" }));
    assert!(!unkeyed.headers.contains_key("idempotency-key"));

    let failing = answering(ResponseTemplate::new(503)).await;
    let error = post(&failing, Some(&key)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Upstream { status: Some(503), .. }), "{error}");
    assert_eq!(failing.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_nobody_chose_does_not_lead_home() {
    let server = answering(ResponseTemplate::new(200).set_body_json(7)).await;
    let base = format!("http://localhost:{}", server.address().port()).parse().unwrap();
    let limits = UpstreamLimits::default();
    let config = UpstreamConfig { base, is_chosen: false, limits: limits.into(), observer: None };
    let upstream = Upstream::new("Open-Meteo", "mcp-weather/1.2.3", &config).unwrap();
    assert_eq!(*get(&upstream).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(server.received_requests().await.unwrap().is_empty());
}

/// A server that takes `key` alone.
async fn taking(key: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(header("x-api-key", key))
        .respond_with(ResponseTemplate::new(200).set_body_json(7))
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_replaced_key_is_picked_up_and_the_one_before_it_tried_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first\n").unwrap();
    let server = taking("first").await;
    let credential =
        UpstreamCredential::in_file("x-api-key", file.path().to_owned()).await.unwrap();
    let upstream = upstream(&server.uri()).with_credential(credential);
    assert_eq!(get(&upstream).await.unwrap(), 7);

    std::fs::write(file.path(), "second\n").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(get(&upstream).await.unwrap(), 7);
    let sent = server.received_requests().await.unwrap();
    let keys: Vec<_> = sent.iter().map(|it| it.headers["x-api-key"].to_str().unwrap()).collect();
    assert_eq!(keys, ["first", "second", "first"]);

    server.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).expect(2).mount(&server).await;
    let error = get(&upstream).await.unwrap_err();
    assert_eq!(*error.kind(), wrong(401));
    assert!(!format!("{error:?}{upstream:?}").contains("second"));
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused_and_not_repeated() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for text in ["", " \n", "hunter2\nhunter2", &"hunter2".repeat(2_000)] {
        std::fs::write(file.path(), text).unwrap();
        let refused =
            UpstreamCredential::in_file("x-api-key", file.path().to_owned()).await.unwrap_err();
        assert!(!refused.to_string().contains("hunter2"));
    }
    assert!(UpstreamCredential::in_file("x-api-key", "/no/such/file".into()).await.is_err());
    assert!(UpstreamCredential::fixed("x api key", &"a".into()).is_err());
}

#[tokio::test]
async fn a_file_that_is_gone_for_a_moment_changes_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first").unwrap();
    let server = taking("first").await;
    let credential =
        UpstreamCredential::in_file("x-api-key", file.path().to_owned()).await.unwrap();
    let upstream = upstream(&server.uri()).with_credential(credential);
    drop(file);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(get(&upstream).await.unwrap(), 7);
}
