//! What is told of an upstream: every request and how it ended, every repetition, every turn of the breaker.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_limits::{
    BreakerState, Demand, Upstream, UpstreamConfig, UpstreamLimits, UpstreamObserver,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

const WITHIN: Duration = Duration::from_secs(5);

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn note(&self, note: String) {
        self.0.lock().unwrap().push(note);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl UpstreamObserver for Notes {
    fn requested(&self, failure: Option<&'static str>, _took: Duration) {
        self.note(failure.unwrap_or("answered").to_owned());
    }

    fn retried(&self) {
        self.note("again".to_owned());
    }

    fn breaker(&self, state: BreakerState) {
        self.note(format!("{state:?}"));
    }

    fn traceparent(&self) -> Option<String> {
        Some(TRACEPARENT.to_owned())
    }
}

/// An upstream that answers so, and who watches it.
async fn watched(response: ResponseTemplate, attempts: u32) -> (Upstream, Arc<Notes>, MockServer) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    let notes = Arc::new(Notes::default());
    let config = UpstreamConfig {
        base: server.uri().parse().unwrap(),
        is_chosen: true,
        limits: UpstreamLimits {
            attempts: attempts.try_into().unwrap(),
            ..UpstreamLimits::default()
        }
        .into(),
        observer: Some(notes.clone()),
    };
    (Upstream::new("Open-Meteo", "mcp-weather/1.2.3", &config).unwrap(), notes, server)
}

#[tokio::test]
async fn every_attempt_and_every_repetition_is_told() {
    let (upstream, notes, _server) = watched(ResponseTemplate::new(500), 3).await;
    upstream.get(&["v1"], &[], WITHIN).await.unwrap_err();
    let failed = "upstream_error";
    assert_eq!(notes.take(), [failed, "again", failed, "again", failed]);
    let (upstream, notes, _server) = watched(ResponseTemplate::new(200), 3).await;
    upstream.get(&["v1"], &[], WITHIN).await.unwrap();
    assert_eq!(notes.take(), ["answered"]);
}

#[tokio::test]
async fn the_breaker_is_told_when_it_opens_and_nothing_after_it() {
    let (upstream, notes, _server) = watched(ResponseTemplate::new(500), 1).await;
    for _ in 0..12 {
        upstream.get(&["v1"], &[], WITHIN).await.unwrap_err();
    }
    let notes = notes.take();
    assert_eq!((notes.len(), notes.last().unwrap().as_str()), (11, "Open"), "{notes:?}");
}

#[tokio::test]
async fn a_request_that_is_given_up_is_told_as_such() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let (upstream, notes, _server) = watched(slow, 3).await;
    let asked = upstream.get(&["v1"], &[], WITHIN);
    assert!(tokio::time::timeout(Duration::from_millis(200), asked).await.is_err());
    assert_eq!(notes.take(), ["cancelled"]);
}

#[tokio::test]
async fn the_upstream_is_told_whose_part_a_request_is_and_nobody_else_is() {
    let (upstream, _notes, server) = watched(ResponseTemplate::new(200), 1).await;
    upstream.get(&["v1"], &[], WITHIN).await.unwrap();
    let demand = Demand { within: WITHIN, max_bytes: 100 };
    upstream.get_elsewhere(&server.uri().parse().unwrap(), demand).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let told =
        requests.iter().map(|it| it.headers.get("traceparent").map(|it| it.to_str().unwrap()));
    assert_eq!(told.collect::<Vec<_>>(), [Some(TRACEPARENT), None]);
}
