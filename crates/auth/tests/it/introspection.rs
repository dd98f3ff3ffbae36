//! Opaque tokens and the endpoint that knows what they are worth.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use mcp_auth::{AuthError, Authenticator, ClientCredentials, Introspection, Method, Principal};
use serde_json::{Value, json};
use tokio::time::{Instant, advance};

use crate::issuer::{AUDIENCE, ISSUER, Network, authenticate, rules};

const ENDPOINT: &str = "https://issuer.example/introspect";
const UNAVAILABLE: AuthError = AuthError::Unavailable { service: "introspection" };

fn authenticator(network: &Arc<Network>) -> Authenticator {
    let client = ClientCredentials { id: "mcp".to_owned(), secret: "hunter2".into() };
    let fetch = Arc::clone(network) as _;
    let introspection = Introspection::new(ENDPOINT.parse().unwrap(), client, rules(), fetch);
    assert!(!format!("{introspection:?}").contains("hunter2"));
    Authenticator::new(Arc::default()).with_introspection(introspection)
}

async fn answer(body: &Value) -> Result<Principal, AuthError> {
    let network = Arc::new(Network::default());
    network.serve(ENDPOINT, body.to_string());
    authenticate(&authenticator(&network), "opaque").await
}

#[tokio::test]
async fn an_active_token_makes_its_subject_the_principal() {
    let body = json!({
        "active": true, "sub": "alice", "scope": "a b", "iss": ISSUER, "aud": AUDIENCE,
        "exp": Utc::now().timestamp() + 60,
    });
    let alice = answer(&body).await.unwrap();
    assert_eq!((alice.issuer(), alice.subject()), (ISSUER, "alice"));
    assert_eq!(alice.method(), Method::Introspection);
    assert_eq!(alice.scopes().to_string(), "a b");
    assert_eq!(answer(&json!({ "active": true, "sub": "alice" })).await.unwrap(), alice);
}

#[tokio::test]
async fn what_the_endpoint_says_must_fit() {
    let now = Utc::now().timestamp();
    for (body, reason) in [
        (json!({ "active": false, "sub": "alice" }), "inactive"),
        (json!({ "active": "true", "sub": "alice" }), "unavailable"),
        (json!({ "active": 1, "sub": "alice" }), "unavailable"),
        (json!({ "sub": "alice" }), "unavailable"),
        (json!([true]), "unavailable"),
        (json!({ "active": true }), "subject"),
        (json!({ "active": true, "sub": "alice", "aud": "https://other.example" }), "audience"),
        (json!({ "active": true, "sub": "alice", "iss": "https://evil.example" }), "issuer"),
        (json!({ "active": true, "sub": "alice", "exp": now - 60 }), "expired"),
        (json!({ "active": true, "sub": "alice", "nbf": now + 60 }), "not_yet_valid"),
        (json!({ "active": true, "sub": 7 }), "claim_type"),
        (json!({ "active": true, "sub": "alice", "x": "x".repeat(65 * 1024) }), "unavailable"),
    ] {
        assert_eq!(answer(&body).await.unwrap_err().reason(), reason, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_for_a_minute() {
    let network = Arc::new(Network::default());
    network.serve(ENDPOINT, json!({ "active": true, "sub": "alice" }).to_string());
    let authenticator = authenticator(&network);
    for _ in 0..10 {
        authenticate(&authenticator, "opaque").await.unwrap();
    }
    assert_eq!(network.requests(), 1);

    network.serve(ENDPOINT, json!({ "active": false }).to_string());
    advance(Duration::from_mins(1)).await;
    let error = authenticate(&authenticator, "opaque").await.unwrap_err();
    assert_eq!(error.reason(), "inactive");
    assert_eq!(network.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_token_is_asked_about_once_at_a_time() {
    let network = Arc::new(Network::default());
    network.serve(ENDPOINT, json!({ "active": true, "sub": "alice" }).to_string());
    network.slow_down(Duration::from_millis(500));
    let authenticator = Arc::new(authenticator(&network));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let authenticator = Arc::clone(&authenticator);
            tokio::spawn(async move { authenticate(&authenticator, "opaque").await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(network.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_lets_nobody_in_and_is_tried_again() {
    let network = Arc::new(Network::default());
    let authenticator = authenticator(&network);
    for _ in 0..5 {
        assert_eq!(authenticate(&authenticator, "opaque").await.unwrap_err(), UNAVAILABLE);
    }
    assert_eq!(network.requests(), 1);
    network.serve(ENDPOINT, json!({ "active": true, "sub": "alice" }).to_string());
    advance(Duration::from_secs(1)).await;
    authenticate(&authenticator, "opaque").await.unwrap();

    network.slow_down(Duration::from_mins(1));
    let before = Instant::now();
    assert_eq!(authenticate(&authenticator, "other").await.unwrap_err(), UNAVAILABLE);
    assert_eq!(before.elapsed(), Duration::from_secs(2));
}
