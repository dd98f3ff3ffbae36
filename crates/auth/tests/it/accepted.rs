//! Tokens that must be believed, and what becomes of their claims.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::Algorithm;
use mcp_auth::{AuthError, Authenticator, Jwks, JwtVerifier, Method, Principal, Revocations};
use serde_json::{Value, json};

use crate::issuer::{
    ISSUER, all_keys, authenticate, authenticator, claims, claims_with, document, private_key,
    public_key, rules, sign, sign_by, sign_raw, sign_with_header,
};

async fn accept(changes: Value) -> Principal {
    let authenticator = authenticator(all_keys(), rules());
    authenticate(&authenticator, &sign(&claims_with(changes))).await.unwrap()
}

#[tokio::test]
async fn every_allowed_algorithm_is_verified() {
    let authenticator = authenticator(all_keys(), rules());
    for (key, algorithm) in [
        ("rsa", Algorithm::RS256),
        ("rsa", Algorithm::RS384),
        ("rsa", Algorithm::RS512),
        ("rsa", Algorithm::PS256),
        ("rsa", Algorithm::PS384),
        ("rsa", Algorithm::PS512),
        ("p256", Algorithm::ES256),
        ("p384", Algorithm::ES384),
        ("ed25519", Algorithm::EdDSA),
    ] {
        let token = sign_by(key, algorithm);
        let principal = authenticate(&authenticator, &token).await;
        assert!(principal.is_ok(), "{algorithm:?}: {principal:?}");
    }
}

#[tokio::test]
async fn a_token_makes_its_subject_the_principal() {
    let alice = accept(json!({ "client_id": "app", "tenant": 7 })).await;
    assert_eq!((alice.issuer(), alice.subject()), (ISSUER, "alice"));
    assert_eq!(alice.method(), Method::Jwt);
    assert_eq!(alice.token_id(), Some("token-1"));
    assert_eq!(alice.claims()["tenant"], 7);
    assert!(alice.expires_at() > alice.issued_at());
    assert!(alice.fingerprint().is_some());
}

#[tokio::test]
async fn without_a_subject_the_client_is_the_principal() {
    let app = accept(json!({ "sub": null, "client_id": "app", "azp": "other" })).await;
    assert_eq!(app, accept(json!({ "sub": null, "azp": "app" })).await);
    assert_ne!(app, accept(json!({ "sub": "app" })).await);
}

#[tokio::test]
async fn scopes_are_read_from_strings_and_lists() {
    for (changes, expected) in [
        (json!({ "scope": "b a" }), "a b"),
        (json!({ "scope": ["b", "a"] }), "a b"),
        (json!({ "scope": "a", "scp": "b" }), "a b"),
        (json!({ "scope": null, "scp": ["a", "two words"] }), "a"),
        (json!({ "scope": null }), ""),
        (json!({ "scope": "" }), ""),
    ] {
        assert_eq!(accept(changes.clone()).await.scopes().to_string(), expected, "{changes}");
    }
}

#[tokio::test]
async fn configured_claims_and_names_become_our_scopes() {
    let mut rules = rules();
    rules.scope_claims =
        vec!["realm_access.roles".to_owned(), "https://x.example/roles".to_owned()];
    rules
        .scope_map
        .insert("Domain Users".to_owned(), "tickets:read tickets:write".parse().unwrap());
    let token = sign(&claims_with(json!({
        "scope": "openid",
        "realm_access": { "roles": ["Domain Users", "Other Users"] },
        "https://x.example/roles": "admin",
    })));
    let principal = authenticate(&authenticator(all_keys(), rules), &token).await.unwrap();
    assert_eq!(principal.scopes().to_string(), "admin openid tickets:read tickets:write");
}

#[tokio::test]
async fn small_differences_of_clocks_and_forms_are_borne() {
    let now = chrono::Utc::now().timestamp();
    for changes in [
        json!({ "exp": now - 3 }),
        json!({ "nbf": now + 3 }),
        json!({ "iat": now + 3 }),
        json!({ "exp": 4_000_000_000.5_f64 }),
        json!({ "iat": null }),
        json!({ "jti": null }),
        json!({ "aud": ["https://other.example", "https://mcp.example/mcp"] }),
    ] {
        accept(changes).await;
    }
    let authenticator = authenticator(all_keys(), rules());
    for kind in [json!("JWT"), json!("jwt"), json!("AT+JWT"), json!("application/at+jwt")] {
        let token = sign_with_header(&json!({ "alg": "RS256", "kid": "rsa", "typ": kind }));
        authenticate(&authenticator, &token).await.unwrap();
    }
}

#[tokio::test]
async fn keys_that_a_token_brings_or_points_at_are_not_looked_at() {
    let header = json!({
        "alg": "RS256", "kid": "rsa", "jku": "https://evil.example/keys", "x5u": "http://10.0.0.1/",
        "x5c": ["AAAA"], "jwk": public_key("rsa-other", "rsa"),
    });
    let authenticator = authenticator(all_keys(), rules());
    authenticate(&authenticator, &sign_with_header(&header)).await.unwrap();
}

#[tokio::test]
async fn without_a_key_id_the_fitting_key_is_found() {
    let authenticator = authenticator(all_keys(), rules());
    authenticate(&authenticator, &sign_with_header(&json!({ "alg": "RS256" }))).await.unwrap();
}

#[tokio::test]
async fn keys_that_share_an_identifier_are_told_apart() {
    let keys = [public_key("p256", "k"), public_key("rsa-other", "k"), public_key("rsa", "k")];
    let keys = Jwks::fixed(document(&keys).as_bytes()).unwrap();
    let authenticator = authenticator(keys, rules());
    let header = json!({ "alg": "RS256", "kid": "k" });
    authenticate(&authenticator, &sign_with_header(&header)).await.unwrap();
    let header = json!({ "alg": "ES256", "kid": "k" }).to_string();
    let token = sign_raw(&header, &claims().to_string(), &private_key("p256"), Algorithm::ES256);
    authenticate(&authenticator, &token).await.unwrap();
}

#[tokio::test]
async fn a_remembered_token_ends_with_its_lifetime_its_key_or_its_revocation() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let revocations = Arc::new(Revocations::default());
    let keys = all_keys();
    let mut short = rules();
    short.leeway = Duration::ZERO;
    let authenticator = Authenticator::new(Arc::clone(&revocations))
        .with_jwt(JwtVerifier::new(keys.clone(), short));

    let by_rsa = sign(&claims());
    let by_curve = sign_by("p256", Algorithm::ES256);
    for _ in 0..2 {
        authenticate(&authenticator, &by_rsa).await.unwrap();
        authenticate(&authenticator, &by_curve).await.unwrap();
    }

    keys.replace(document(&[public_key("rsa", "rsa")]).as_bytes()).unwrap();
    let error = authenticate(&authenticator, &by_curve).await.unwrap_err();
    assert_eq!(error.reason(), "unknown_key");
    assert!(keys.replace(b"no document").is_err());
    authenticate(&authenticator, &by_rsa).await.unwrap();

    std::fs::write(file.path(), "token-1\n").unwrap();
    revocations.reload(file.path()).unwrap();
    assert_eq!(authenticate(&authenticator, &by_rsa).await.unwrap_err(), AuthError::Revoked);
}

#[tokio::test]
async fn a_token_is_checked_by_its_own_method_and_no_other() {
    let authenticator = authenticator(all_keys(), rules());
    let token = sign(&claims());
    let credential = mcp_auth::Credential::from_headers([], [token.as_bytes()]).unwrap();
    let error = authenticator.authenticate(&credential).await.unwrap_err();
    assert_eq!(error.reason(), "unknown_credential");
    let error = authenticate(&authenticator, "opaque-token").await.unwrap_err();
    assert_eq!(error.reason(), "unknown_credential");
}
