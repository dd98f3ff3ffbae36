//! The HTTP client against servers that misbehave.

use std::time::Duration;

use mcp_errors::{Error, ErrorKind};
use mcp_limits::{ExchangeBounds, HttpClient};
use url::Url;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{basic_auth, body_string, header, method, path},
};

const BOUNDS: ExchangeBounds =
    ExchangeBounds { max_bytes: 1_024, deadline: Duration::from_millis(500) };

fn client() -> HttpClient {
    HttpClient::new("the token issuer").unwrap()
}

fn url(server: &MockServer, path: &str) -> Url {
    format!("{}{path}?secret=hunter2", server.uri()).parse().unwrap()
}

async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path("/keys")).respond_with(response).mount(&server).await;
    server
}

async fn failure(response: ResponseTemplate) -> Error {
    let server = answering(response).await;
    let error = client().get(&url(&server, "/keys"), BOUNDS).await.unwrap_err();
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        told += &error.to_string();
        cause = error.source();
    }
    assert!(!told.contains("hunter2") && !told.contains("127.0.0.1"), "{told}");
    error
}

#[tokio::test]
async fn a_document_within_its_bounds_is_read_whole() {
    let server = answering(ResponseTemplate::new(200).set_body_string("x".repeat(1_024))).await;
    assert_eq!(client().get(&url(&server, "/keys"), BOUNDS).await.unwrap().len(), 1_024);
}

#[tokio::test]
async fn a_longer_document_is_refused_and_not_cut_off() {
    let error = failure(ResponseTemplate::new(200).set_body_string("x".repeat(1_025))).await;
    assert_eq!(error.to_string(), "the token issuer sent more than is read");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error = failure(ResponseTemplate::new(302).insert_header("location", "/elsewhere")).await;
    let service = "the token issuer".into();
    assert_eq!(*error.kind(), ErrorKind::Upstream { service, status: Some(302) });
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_at_the_deadline() {
    let error = failure(ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    assert_eq!(*error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable() {
    let gone = "http://127.0.0.1:1/keys".parse().unwrap();
    let error = client().get(&gone, BOUNDS).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_form_goes_out_under_the_client_s_name_with_everything_encoded() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(basic_auth("mcp+%3A", "p%25ss"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string("token=a%2Bb%26c"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&server)
        .await;
    let (form, secret) = ([("token", "a+b&c")], "p%ss".into());
    let sent = client().post_form(&url(&server, "/ask"), &form, ("mcp :", &secret), BOUNDS).await;
    assert_eq!(sent.unwrap(), "{}");
}
