//! How the issuer's keys are found, renewed and kept.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::Algorithm;
use mcp_auth::{AuthError, Authenticator, Jwks};
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep};

use crate::issuer::{
    ISSUER, Network, authenticate, authenticator, claims, document, public_key, rules, sign,
    sign_by,
};

const KEYS: &str = "https://issuer.example/keys";

fn network() -> Arc<Network> {
    let network = Arc::new(Network::default());
    network.serve(KEYS, document(&[public_key("rsa", "rsa")]));
    network
}

fn at_url(network: &Arc<Network>) -> Authenticator {
    authenticator(Jwks::at(KEYS.parse().unwrap(), Arc::clone(network) as _), rules())
}

fn by_discovery(network: &Arc<Network>) -> Authenticator {
    authenticator(Jwks::of_issuer(ISSUER, Arc::clone(network) as _).unwrap(), rules())
}

/// Lets tasks run that are due.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_once_for_all_calls() {
    let network = network();
    network.slow_down(Duration::from_millis(500));
    let authenticator = Arc::new(at_url(&network));
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let authenticator = Arc::clone(&authenticator);
            tokio::spawn(async move { authenticate(&authenticator, &sign(&claims())).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(network.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_end_the_fetch() {
    let network = network();
    network.slow_down(Duration::from_secs(1));
    let authenticator = at_url(&network);
    let token = sign(&claims());
    let patience = Duration::from_millis(100);
    tokio::time::timeout(patience, authenticate(&authenticator, &token)).await.unwrap_err();
    sleep(Duration::from_secs(1)).await;
    authenticate(&authenticator, &token).await.unwrap();
    assert_eq!(network.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_at_start_is_awaited() {
    let network = Arc::new(Network::default());
    let authenticator = at_url(&network);
    let token = sign(&claims());
    let unavailable = AuthError::Unavailable { service: "jwks" };
    assert_eq!(authenticator.ready().await.unwrap_err(), unavailable);
    for _ in 0..20 {
        assert_eq!(authenticate(&authenticator, &token).await.unwrap_err(), unavailable);
    }
    assert_eq!(network.requests(), 1);

    network.serve(KEYS, document(&[public_key("rsa", "rsa")]));
    advance(Duration::from_secs(1)).await;
    authenticate(&authenticator, &token).await.unwrap();
    authenticator.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_call_waits_longer_than_two_seconds() {
    let network = network();
    network.slow_down(Duration::from_hours(1));
    let authenticator = at_url(&network);
    let token = sign(&claims());
    let before = Instant::now();
    authenticate(&authenticator, &token).await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::from_secs(2));
    // The next ones don't wait for the same fetch again.
    let before = Instant::now();
    authenticate(&authenticator, &token).await.unwrap_err();
    assert!(before.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_cause_one_fetch_in_twenty_seconds() {
    let network = network();
    let authenticator = at_url(&network);
    authenticate(&authenticator, &sign(&claims())).await.unwrap();
    assert_eq!(network.requests(), 1);
    let new = sign_by("p256", Algorithm::ES256);
    for _ in 0..20 {
        let error = authenticate(&authenticator, &new).await.unwrap_err();
        assert_eq!(error.reason(), "unknown_key");
    }
    assert_eq!(network.requests(), 1);

    network.serve(KEYS, document(&[public_key("rsa", "rsa"), public_key("p256", "p256")]));
    advance(Duration::from_secs(20)).await;
    authenticate(&authenticator, &new).await.unwrap();
    assert_eq!(network.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_refused_within_thirty_seconds() {
    let network = network();
    let authenticator = at_url(&network);
    let token = sign(&claims());
    authenticate(&authenticator, &token).await.unwrap();
    network.serve(KEYS, document(&[public_key("rsa-other", "rsa")]));
    advance(Duration::from_secs(26)).await;
    authenticate(&authenticator, &token).await.unwrap();
    settle().await;
    let error = authenticate(&authenticator, &token).await.unwrap_err();
    assert_eq!(error.reason(), "signature");
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_keys_are_renewed_before_they_are_believed() {
    let network = network();
    let authenticator = at_url(&network);
    let token = sign(&claims());
    authenticate(&authenticator, &token).await.unwrap();
    network.serve(KEYS, document(&[]));
    advance(Duration::from_hours(1)).await;
    assert!(authenticate(&authenticator, &token).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn renewals_are_few_and_calls_do_not_wait_for_them() {
    let network = network();
    let authenticator = at_url(&network);
    let token = sign(&claims());
    authenticate(&authenticator, &token).await.unwrap();
    network.slow_down(Duration::from_millis(900));
    for _ in 0..100 {
        advance(Duration::from_secs(1)).await;
        let before = Instant::now();
        authenticate(&authenticator, &token).await.unwrap();
        assert!(before.elapsed() < Duration::from_millis(10));
        tokio::task::yield_now().await;
    }
    assert!((3..=5).contains(&network.requests()));
}

#[tokio::test(start_paused = true)]
async fn bad_answers_leave_the_last_good_keys_in_force() {
    let network = network();
    let authenticator = at_url(&network);
    let token = sign(&claims());
    authenticate(&authenticator, &token).await.unwrap();
    let many: Vec<Value> = (0..10_000).map(|number| json!({ "kid": number.to_string() })).collect();
    for document in [
        "x".repeat(10 * 1024 * 1024),
        document(&many),
        "<html>".to_owned(),
        r#"{"keys": {}}"#.to_owned(),
        r#"{"keys": [1]}"#.to_owned(),
        "{}".to_owned(),
    ] {
        network.serve(KEYS, document);
        advance(Duration::from_mins(2)).await;
        authenticate(&authenticator, &token).await.unwrap();
        assert!(network.requests() >= 1);
    }
    network.go_down();
    advance(Duration::from_mins(2)).await;
    authenticate(&authenticator, &token).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_slows_the_first_call_alone() {
    let network = network();
    let authenticator = at_url(&network);
    let token = sign(&claims());
    authenticate(&authenticator, &token).await.unwrap();
    network.slow_down(Duration::from_hours(1));
    advance(Duration::from_mins(1)).await;
    let before = Instant::now();
    authenticate(&authenticator, &token).await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(2));
    sleep(Duration::from_secs(10)).await;
    for _ in 0..20 {
        let before = Instant::now();
        authenticate(&authenticator, &token).await.unwrap();
        assert!(before.elapsed() < Duration::from_millis(10));
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_discovered_from_either_metadata() {
    for place in [
        "https://issuer.example/.well-known/oauth-authorization-server/tenant",
        "https://issuer.example/.well-known/openid-configuration/tenant",
        "https://issuer.example/tenant/.well-known/openid-configuration",
    ] {
        let network = network();
        network.serve(place, json!({ "issuer": ISSUER, "jwks_uri": KEYS }).to_string());
        authenticate(&by_discovery(&network), &sign(&claims())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_that_cannot_be_trusted_is_not_followed() {
    for (issuer, keys) in [
        ("https://issuer.example/other", KEYS),
        ("https://issuer.example/tenant/", KEYS),
        (ISSUER, "http://issuer.example/keys"),
        (ISSUER, "https://169.254.169.254/keys"),
        (ISSUER, "http://127.0.0.1/keys"),
        (ISSUER, "file:///keys"),
    ] {
        let network = network();
        network.serve(keys, document(&[public_key("rsa", "rsa")]));
        network.serve(
            "https://issuer.example/.well-known/oauth-authorization-server/tenant",
            json!({ "issuer": issuer, "jwks_uri": keys }).to_string(),
        );
        let error = authenticate(&by_discovery(&network), &sign(&claims())).await.unwrap_err();
        assert_eq!(error, AuthError::Unavailable { service: "jwks" }, "{issuer} {keys}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_moves_its_keys_is_asked_again() {
    const METADATA: &str = "https://issuer.example/.well-known/oauth-authorization-server/tenant";
    let network = network();
    network.serve(METADATA, json!({ "issuer": ISSUER, "jwks_uri": KEYS }).to_string());
    let authenticator = by_discovery(&network);
    authenticate(&authenticator, &sign(&claims())).await.unwrap();

    network.go_down();
    let moved = "https://issuer.example/moved";
    network.serve(METADATA, json!({ "issuer": ISSUER, "jwks_uri": moved }).to_string());
    network.serve(moved, document(&[public_key("p256", "p256")]));
    let new = sign_by("p256", Algorithm::ES256);
    authenticate(&authenticator, &new).await.unwrap_err();
    advance(Duration::from_secs(30)).await;
    authenticate(&authenticator, &new).await.unwrap();
}
