//! Forged and malformed tokens, one row each: what is wrong, the token, the check that must stop it.

use std::time::Duration;

use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey};
use mcp_auth::Jwks;
use serde_json::{Value, json};

use crate::issuer::{
    AUDIENCE, ISSUER, all_keys, authenticate, authenticator, claims, claims_with, document, encode,
    pem, private_key, public_key, rules, sign, sign_by, sign_raw, sign_with_header,
};

/// What is wrong, the token, the reason for its refusal.
type Row = (&'static str, String, &'static str);

async fn all_are_refused(rows: Vec<Row>) {
    let authenticator = authenticator(all_keys(), rules());
    for (fault, token, reason) in rows {
        match authenticate(&authenticator, &token).await {
            Ok(_) => panic!("{fault}: was accepted"),
            Err(error) => assert_eq!(error.reason(), reason, "{fault}"),
        }
    }
}

/// A token with that header, whose signature is made with a secret.
fn with_secret(header: &Value, secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    sign_raw(&header.to_string(), &claims().to_string(), &key, Algorithm::HS256)
}

/// A token that says one thing in its header and is signed by another key or algorithm.
fn signed_as(header: &Value, key: &str, algorithm: Algorithm) -> String {
    sign_raw(&header.to_string(), &claims().to_string(), &private_key(key), algorithm)
}

fn unsigned(algorithm: &str) -> String {
    let header = json!({ "alg": algorithm, "kid": "rsa" }).to_string();
    format!("{}.{}.", encode(header), encode(claims().to_string()))
}

/// The modulus of the RSA key, as an attacker finds it in the key document.
fn modulus() -> String {
    public_key("rsa", "rsa")["n"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_confusion_of_algorithms_gets_through() {
    let hs256 = json!({ "alg": "HS256", "kid": "rsa" });
    let header = |algorithm: &str, id: &str| json!({ "alg": algorithm, "kid": id });
    let none = ["none", "None", "NONE", "nOnE"];
    let mut rows: Vec<Row> =
        none.into_iter().map(|name| ("no signature", unsigned(name), "algorithm")).collect();
    rows.extend([
        ("hmac with the private PEM", with_secret(&hs256, &pem("rsa")), "algorithm"),
        ("hmac with the public modulus", with_secret(&hs256, modulus().as_bytes()), "algorithm"),
        ("hmac with an empty secret", with_secret(&hs256, b""), "algorithm"),
        ("hmac that calls itself RS256", with_secret(&header("RS256", "rsa"), b"x"), "signature"),
        ("HS384", with_secret(&header("HS384", "rsa"), b"x"), "algorithm"),
        ("HS512", with_secret(&header("HS512", "rsa"), b"x"), "algorithm"),
        ("ES512", with_secret(&header("ES512", "p256"), b"x"), "algorithm"),
        ("ES256K", with_secret(&header("ES256K", "p256"), b"x"), "algorithm"),
        ("lower case", signed_as(&header("rs256", "rsa"), "rsa", Algorithm::RS256), "algorithm"),
        ("encryption", with_secret(&header("RSA-OAEP", "rsa"), b"x"), "algorithm"),
        ("no algorithm", sign_with_header(&json!({ "kid": "rsa" })), "algorithm"),
        (
            "curve key as RS256",
            signed_as(&header("RS256", "p256"), "p256", Algorithm::ES256),
            "algorithm",
        ),
        (
            "RSA key as ES256",
            signed_as(&header("ES256", "rsa"), "rsa", Algorithm::RS256),
            "algorithm",
        ),
        (
            "P-256 key as ES384",
            signed_as(&header("ES384", "p256"), "p256", Algorithm::ES256),
            "algorithm",
        ),
        (
            "Ed25519 key as ES256",
            signed_as(&header("ES256", "ed25519"), "ed25519", Algorithm::EdDSA),
            "algorithm",
        ),
        (
            "RS256 that calls itself PS256",
            signed_as(&header("PS256", "rsa"), "rsa", Algorithm::RS256),
            "signature",
        ),
        (
            "RS256 that calls itself RS512",
            signed_as(&header("RS512", "rsa"), "rsa", Algorithm::RS256),
            "signature",
        ),
        ("RS256 without a signature", unsigned("RS256"), "signature"),
        (
            "algorithm of a wrong type",
            sign_with_header(&json!({ "alg": 256, "kid": "rsa" })),
            "claim_type",
        ),
        (
            "list of algorithms",
            sign_with_header(&json!({ "alg": ["RS256"], "kid": "rsa" })),
            "claim_type",
        ),
    ]);
    all_are_refused(rows).await;
}

#[tokio::test]
async fn no_key_from_elsewhere_gets_through() {
    let other = |header: &Value| signed_as(header, "rsa-other", Algorithm::RS256);
    let own = public_key("rsa-other", "rsa");
    all_are_refused(vec![
        ("another key", other(&json!({ "alg": "RS256", "kid": "rsa" })), "signature"),
        ("another key without kid", other(&json!({ "alg": "RS256" })), "signature"),
        ("embedded key", other(&json!({ "alg": "RS256", "jwk": own })), "signature"),
        (
            "embedded key with kid",
            other(&json!({ "alg": "RS256", "kid": "rsa", "jwk": own })),
            "signature",
        ),
        (
            "jku",
            other(&json!({ "alg": "RS256", "kid": "rsa", "jku": "https://evil.example" })),
            "signature",
        ),
        (
            "x5u",
            other(&json!({ "alg": "RS256", "kid": "rsa", "x5u": "https://evil.example" })),
            "signature",
        ),
        ("x5c", other(&json!({ "alg": "RS256", "kid": "rsa", "x5c": ["AAAA"] })), "signature"),
        ("unknown kid", other(&json!({ "alg": "RS256", "kid": "other" })), "unknown_key"),
        (
            "kid in other case",
            sign_with_header(&json!({ "alg": "RS256", "kid": "RSA" })),
            "unknown_key",
        ),
        ("empty kid", sign_with_header(&json!({ "alg": "RS256", "kid": "" })), "unknown_key"),
        (
            "path as kid",
            sign_with_header(&json!({ "alg": "RS256", "kid": "../../dev/null" })),
            "unknown_key",
        ),
        (
            "SQL as kid",
            sign_with_header(&json!({ "alg": "RS256", "kid": "x' UNION SELECT 'k" })),
            "unknown_key",
        ),
        (
            "kid with a NUL",
            sign_with_header(&json!({ "alg": "RS256", "kid": "rsa\u{0}" })),
            "unknown_key",
        ),
        (
            "kid of a wrong type",
            sign_with_header(&json!({ "alg": "RS256", "kid": 1 })),
            "claim_type",
        ),
        ("kid null", sign_with_header(&json!({ "alg": "RS256", "kid": null })), "claim_type"),
    ])
    .await;
}

#[tokio::test]
async fn no_strange_header_gets_through() {
    let header = |name: &str, value: Value| {
        let mut header = json!({ "alg": "RS256", "kid": "rsa" });
        header[name] = value;
        sign_with_header(&header)
    };
    let twice = r#"{"alg":"none","kid":"rsa","alg":"RS256"}"#;
    let twice = sign_raw(twice, &claims().to_string(), &private_key("rsa"), Algorithm::RS256);
    all_are_refused(vec![
        ("unknown critical header", header("crit", json!(["exp"])), "critical_header"),
        ("empty critical list", header("crit", json!([])), "critical_header"),
        ("critical null", header("crit", json!(null)), "critical_header"),
        ("unencoded payload", header("b64", json!(false)), "critical_header"),
        ("identity token kind", header("typ", json!("id+jwt")), "type"),
        ("logout token kind", header("typ", json!("logout+jwt")), "type"),
        ("request object kind", header("typ", json!("oauth-authz-req+jwt")), "type"),
        ("empty kind", header("typ", json!("")), "type"),
        ("kind of a wrong type", header("typ", json!(1)), "claim_type"),
        ("kind null", header("typ", json!(null)), "claim_type"),
        ("algorithm twice", twice, "not_a_token"),
    ])
    .await;
}

#[tokio::test]
async fn no_mutilated_token_gets_through() {
    let good = sign(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    let with_payload = |payload: &str| {
        let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
        sign_raw(&header, payload, &private_key("rsa"), Algorithm::RS256)
    };
    let swapped = encode(claims_with(json!({ "sub": "root" })).to_string());
    let twice = claims().to_string().replacen('{', r#"{"sub":"root","#, 1);
    let deep = format!(r#"{{"iss":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let middle = header.len() + payload.len() + 10;
    let (cut, _) = good.split_at(middle);
    all_are_refused(vec![
        ("cut signature", cut.to_owned(), "signature"),
        ("two parts", format!("{header}.{payload}"), "unknown_credential"),
        ("four parts", format!("{good}.{signature}"), "unknown_credential"),
        ("five parts", "a.b.c.d.e".to_owned(), "unknown_credential"),
        ("dots alone", "..".to_owned(), "not_a_token"),
        ("no header", format!(".{payload}.{signature}"), "not_a_token"),
        ("another payload", format!("{header}.{swapped}.{signature}"), "signature"),
        ("empty payload", format!("{header}..{signature}"), "signature"),
        ("padded header", format!("{header}.{payload}.{signature}="), "signature"),
        ("header in the other base64", format!("a+/b.{payload}.{signature}"), "not_a_token"),
        ("header no JSON", format!("{}.{payload}.{signature}", encode("alg")), "not_a_token"),
        ("header a list", format!("{}.{payload}.{signature}", encode("[]")), "not_a_token"),
        ("payload no JSON", with_payload("sub=alice"), "not_a_token"),
        ("payload a list", with_payload("[]"), "not_a_token"),
        ("payload a string", with_payload("\"alice\""), "not_a_token"),
        ("payload with more behind it", with_payload(&format!("{} {{}}", claims())), "not_a_token"),
        ("claim twice", with_payload(&twice), "not_a_token"),
        ("payload too deep", with_payload(&deep), "not_a_token"),
        ("oversized", sign(&claims_with(json!({ "x": "x".repeat(16 * 1024) }))), "malformed"),
    ])
    .await;
}

#[tokio::test]
async fn no_single_changed_character_gets_through() {
    let authenticator = authenticator(all_keys(), rules());
    for good in [sign(&claims()), sign_by("p256", Algorithm::ES256)] {
        authenticate(&authenticator, &good).await.unwrap();
        for position in 0..good.len() {
            let mut forged = good.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(authenticate(&authenticator, &forged).await.is_err(), "at {position}");
        }
    }
}

#[tokio::test]
async fn no_token_for_others_or_of_another_time_gets_through() {
    let now = Utc::now().timestamp();
    let with = |changes: Value| sign(&claims_with(changes));
    all_are_refused(vec![
        ("expired", with(json!({ "exp": now - 6 })), "expired"),
        ("expired at zero", with(json!({ "exp": 0 })), "expired"),
        ("no expiry", with(json!({ "exp": null })), "no_expiry"),
        ("not yet valid", with(json!({ "nbf": now + 60 })), "not_yet_valid"),
        ("issued tomorrow", with(json!({ "iat": now + 86_400 })), "issued_in_the_future"),
        ("another issuer", with(json!({ "iss": "https://evil.example" })), "issuer"),
        ("issuer with a slash", with(json!({ "iss": format!("{ISSUER}/") })), "issuer"),
        ("issuer that begins alike", with(json!({ "iss": format!("{ISSUER}.evil") })), "issuer"),
        ("issuer in other case", with(json!({ "iss": ISSUER.to_uppercase() })), "issuer"),
        ("no issuer", with(json!({ "iss": null })), "issuer"),
        ("another audience", with(json!({ "aud": "https://other.example" })), "audience"),
        ("other audiences", with(json!({ "aud": ["a", "b"] })), "audience"),
        ("no audience", with(json!({ "aud": null })), "audience"),
        ("empty audience", with(json!({ "aud": "" })), "audience"),
        ("empty audiences", with(json!({ "aud": [] })), "audience"),
        ("audience that begins alike", with(json!({ "aud": format!("{AUDIENCE}/x") })), "audience"),
        ("nobody", with(json!({ "sub": null })), "subject"),
        ("empty subject", with(json!({ "sub": "", "client_id": "app" })), "subject"),
        ("blank subject", with(json!({ "sub": " alice" })), "subject"),
        ("subject with a line break", with(json!({ "sub": "alice\nroot" })), "subject"),
        ("endless subject", with(json!({ "sub": "a".repeat(513) })), "subject"),
        ("empty client", with(json!({ "sub": null, "azp": "" })), "client"),
    ])
    .await;
}

#[tokio::test]
async fn no_claim_of_a_wrong_type_gets_through() {
    let soon = (Utc::now().timestamp() + 600).to_string();
    let mut rows: Vec<Row> = Vec::new();
    for (claim, values) in [
        ("iss", json!([1, [ISSUER], { "x": 1 }, true])),
        ("aud", json!([1, { "x": AUDIENCE }, [AUDIENCE, 1], [[AUDIENCE]], true])),
        ("sub", json!([1, ["alice"], { "x": "alice" }, false])),
        ("exp", json!([soon, [4_000_000_000_u64], -1, 1e300, true, {}])),
        ("nbf", json!(["0", [0], -1, 1e300, false])),
        ("iat", json!(["0", [0], -1, 1e300, false])),
        ("jti", json!([1, ["token-1"], {}])),
        ("client_id", json!([1, ["app"]])),
        ("azp", json!([1, {}])),
        ("scope", json!([1, { "x": "admin" }, ["admin", 1], [["admin"]], true])),
        ("scp", json!([1, { "x": "admin" }, ["admin", 1], true])),
    ] {
        for value in values.as_array().unwrap() {
            rows.push((claim, sign(&claims_with(json!({ claim: value }))), "claim_type"));
        }
        // Null is a wrong type too, not an absent claim.
        let mut claims = claims();
        claims[claim] = Value::Null;
        rows.push((claim, sign(&claims), "claim_type"));
    }
    all_are_refused(rows).await;
}

#[tokio::test]
async fn a_lifetime_beyond_the_longest_is_refused() {
    let now = Utc::now().timestamp();
    let mut rules = rules();
    rules.max_lifetime = Some(Duration::from_hours(1));
    let authenticator = authenticator(all_keys(), rules);
    authenticate(&authenticator, &sign(&claims())).await.unwrap();
    for changes in [
        json!({ "exp": now + 7_200 }),
        json!({ "exp": now + 7_200, "iat": null }),
        json!({ "exp": now + 600, "iat": now - 7_200 }),
    ] {
        let token = sign(&claims_with(changes.clone()));
        let error = authenticate(&authenticator, &token).await.unwrap_err();
        assert_eq!(error.reason(), "lifetime", "{changes}");
    }
}

#[tokio::test]
async fn a_key_serves_only_what_its_document_says() {
    let with = |name: &str, changes: Value| {
        let mut key = public_key(name, name);
        for (member, value) in changes.as_object().unwrap() {
            key[member] = value.clone();
        }
        key
    };
    let secret = json!({ "kty": "oct", "kid": "rsa", "k": encode("secret") });
    for (fault, key) in [
        ("for encryption", with("rsa", json!({ "use": "enc" }))),
        ("for signing alone", with("rsa", json!({ "key_ops": ["sign"] }))),
        ("for PS256", with("rsa", json!({ "alg": "PS256" }))),
        ("for HMAC", with("rsa", json!({ "alg": "HS256" }))),
        ("published private key", with("rsa", json!({ "d": "AAAA" }))),
        ("huge exponent", with("rsa", json!({ "e": encode([1; 64]) }))),
        ("zero-padded modulus", with("rsa", json!({ "n": format!("AA{}", modulus()) }))),
        ("modulus of 1024 bits", with("rsa", json!({ "n": encode([0xff; 128]) }))),
        ("modulus of a wrong type", with("rsa", json!({ "n": 7 }))),
        ("use of a wrong type", with("rsa", json!({ "use": 7 }))),
        ("other kind", with("rsa", json!({ "kty": "EC", "crv": "P-256" }))),
        ("shared secret", secret),
    ] {
        let keys = Jwks::fixed(document(&[key]).as_bytes()).unwrap();
        let authenticator = authenticator(keys, rules());
        let token = sign_by("rsa", Algorithm::RS256);
        let error = authenticate(&authenticator, &token).await.unwrap_err();
        // Passed over as if it were not there, but for the one that serves another algorithm.
        let expected = if fault == "for PS256" { "algorithm" } else { "unknown_key" };
        assert_eq!(error.reason(), expected, "{fault}");
    }
}
