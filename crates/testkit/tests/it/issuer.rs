//! The development issuer, used as a client would use it.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::StreamExt;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use mcp_testkit::Issuer;
use reqwest::header::{CONTENT_SECURITY_POLICY, HOST, LOCATION};
use reqwest::{RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

const RESOURCE: &str = "http://127.0.0.1:8080/mcp";
const CALLBACK: &str = "http://127.0.0.1:33418/callback";
const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters";
const MAX_REPLY_BYTES: usize = 1 << 20;

/// A client that logs in by hand, step by step.
struct Login {
    issuer: Issuer,
    http: reqwest::Client,
    client: Value,
}

impl Login {
    async fn new(metadata: Value) -> Self {
        let issuer = Issuer::start().await;
        let policy = redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(policy).build().unwrap();
        let request = http.post(format!("{}/register", issuer.url())).body(metadata.to_string());
        let (status, client) = json_reply(request).await;
        assert_eq!(status, StatusCode::CREATED, "{client}");
        Self { issuer, http, client }
    }

    /// A client as hosts register themselves.
    async fn public() -> Self {
        Self::new(json!({
            "client_name": "<b>Host</b>",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "token_endpoint_auth_method": "none",
        }))
        .await
    }

    fn id(&self) -> &str {
        self.client["client_id"].as_str().unwrap()
    }

    /// The authorization request, with some parameters replaced; an empty one is left out.
    async fn ask(&self, changes: &[(&str, &str)]) -> Response {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut query = HashMap::from([
            ("response_type", "code"),
            ("client_id", self.id()),
            ("redirect_uri", CALLBACK),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("scope", "tickets:read"),
            ("state", "a state"),
            ("resource", RESOURCE),
        ]);
        query.extend(changes.iter().copied());
        let url = format!("{}/authorize?{}", self.issuer.url(), form(query));
        self.http.get(url).send().await.unwrap()
    }

    /// What the click redirects to.
    async fn click(&self, page: &str, decision: &str) -> Response {
        let (_, rest) = page.split_once("name=\"login\" value=\"").unwrap();
        let (login, _) = rest.split_once('"').unwrap();
        let form = form([("login", login), ("decision", decision)]);
        let url = format!("{}/authorize", self.issuer.url());
        self.http.post(url).body(form).send().await.unwrap()
    }

    /// A code for the usual request.
    async fn code(&self) -> String {
        let page = text(self.ask(&[]).await).await;
        answer(&self.click(&page, "allow").await)["code"].clone()
    }

    async fn token(&self, parameters: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = format!("{}/token", self.issuer.url());
        json_reply(self.http.post(url).body(form(parameters.iter().copied()))).await
    }

    async fn trade(&self, code: &str, changes: &[(&'static str, &str)]) -> (StatusCode, Value) {
        let mut parameters = HashMap::from([
            ("grant_type", "authorization_code"),
            ("client_id", self.id()),
            ("redirect_uri", CALLBACK),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("resource", RESOURCE),
        ]);
        parameters.extend(changes.iter().copied());
        self.token(&parameters.into_iter().collect::<Vec<_>>()).await
    }

    /// The claims of a token, by the keys that the issuer publishes.
    async fn verify(&self, token: &str) -> Result<Value, jsonwebtoken::errors::Error> {
        let (_, keys) = json_reply(self.http.get(format!("{}/jwks", self.issuer.url()))).await;
        let keys: JwkSet = serde_json::from_value(keys).unwrap();
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&[RESOURCE]);
        rules.set_issuer(&[self.issuer.url()]);
        let key = DecodingKey::from_jwk(&keys.keys[0])?;
        Ok(decode::<Value>(token, &key, &rules)?.claims)
    }
}

fn form<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

async fn text(response: Response) -> String {
    let mut chunks = response.bytes_stream();
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend(chunk.unwrap());
        assert!(body.len() <= MAX_REPLY_BYTES);
    }
    String::from_utf8(body).unwrap()
}

async fn json_reply(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_str(&text(response).await).unwrap())
}

/// The parameters of an authorization response.
fn answer(response: &Response) -> HashMap<String, String> {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = Url::parse(response.headers()[LOCATION].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(CALLBACK), "{location}");
    location.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_client_registers_logs_in_and_refreshes() {
    let login = Login::public().await;
    let page = text(login.ask(&[]).await).await;
    let answer = answer(&login.click(&page, "allow").await);
    assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("a state", login.issuer.url()));

    let (status, token) = login.trade(&answer["code"], &[]).await;
    assert_eq!((status, &token["token_type"]), (StatusCode::OK, &json!("Bearer")), "{token}");
    let claims = login.verify(token["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(RESOURCE), &json!("developer")));
    assert_eq!(
        (&claims["scope"], &claims["client_id"]),
        (&json!("tickets:read"), &json!(login.id()))
    );

    let refresh_token = token["refresh_token"].as_str().unwrap();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", login.id()),
        ("refresh_token", refresh_token),
    ];
    let (status, renewed) = login.token(&refresh).await;
    assert_eq!(status, StatusCode::OK, "{renewed}");
    assert!(login.verify(renewed["access_token"].as_str().unwrap()).await.is_ok());
    let (_, again) = login.token(&refresh).await;
    assert_eq!(again["error"], "invalid_grant", "a refresh token is good once");
}

#[tokio::test]
async fn a_code_is_good_once_and_only_with_its_proof() {
    let login = Login::public().await;
    let code = login.code().await;
    assert_eq!(login.trade(&code, &[]).await.0, StatusCode::OK);
    assert_eq!(login.trade(&code, &[]).await.1["error"], "invalid_grant");
    for (name, wrong, error) in [
        ("code_verifier", "another-verifier-of-more-than-43-characters!!", "invalid_grant"),
        ("redirect_uri", "http://127.0.0.1:1/callback", "invalid_grant"),
        ("resource", "http://127.0.0.1:9/mcp", "invalid_target"),
        ("client_id", "another", "invalid_client"),
        ("client_secret", "made up", "invalid_client"),
    ] {
        let code = login.code().await;
        assert_eq!(login.trade(&code, &[(name, wrong)]).await.1["error"], error, "{name}");
    }
}

#[tokio::test]
async fn the_page_shows_a_hostile_name_as_text_and_runs_nothing() {
    let login = Login::public().await;
    let page = login.ask(&[]).await;
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(policy.ends_with("form-action 'self' http://127.0.0.1:33418"), "{policy}");
    let page = text(page).await;
    assert!(page.contains("&lt;b&gt;Host&lt;/b&gt;") && !page.contains("<b>Host"), "{page}");
    assert!(page.contains("For development only"), "{page}");
}

#[tokio::test]
async fn a_click_counts_once_and_may_say_no() {
    let login = Login::public().await;
    let page = text(login.ask(&[]).await).await;
    let refused = answer(&login.click(&page, "deny").await);
    assert_eq!(
        (refused["error"].as_str(), refused["state"].as_str()),
        ("access_denied", "a state")
    );
    assert_eq!(login.click(&page, "allow").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unproven_redirect_uri_or_client_is_sent_nowhere() {
    let login = Login::public().await;
    for wrong in [
        ("redirect_uri", "http://127.0.0.1:33418/other"),
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", ""),
        ("client_id", "unknown"),
    ] {
        let response = login.ask(&[wrong]).await;
        assert!(response.status().is_client_error(), "{wrong:?}");
        assert!(response.headers().get(LOCATION).is_none(), "{wrong:?}");
    }
}

#[tokio::test]
async fn other_faults_are_told_to_the_client() {
    let login = Login::public().await;
    for (wrong, error) in [
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("resource", ""), "invalid_target"),
        (("resource", "http://127.0.0.1/mcp#x"), "invalid_target"),
    ] {
        assert_eq!(answer(&login.ask(&[wrong]).await)["error"], error, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_service_gets_a_token_for_its_own_credentials() {
    let metadata = json!({ "token_endpoint_auth_method": "client_secret_post" });
    let service = Login::new(metadata).await;
    let secret = service.client["client_secret"].as_str().unwrap().to_owned();
    let credentials = |secret: &'static str| ("client_secret", secret);
    let mut parameters = vec![
        ("grant_type", "client_credentials"),
        ("client_id", service.id()),
        ("resource", RESOURCE),
        ("scope", "tickets:read"),
    ];
    parameters.push(credentials("wrong"));
    assert_eq!(service.token(&parameters).await.1["error"], "invalid_client");
    parameters.pop();
    parameters.push(("client_secret", &secret));
    let (status, token) = service.token(&parameters).await;
    assert_eq!((status, token.get("refresh_token")), (StatusCode::OK, None), "{token}");
    let claims = service.verify(token["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims["sub"], json!(service.id()));
}

#[tokio::test]
async fn a_client_may_describe_itself_at_a_url() {
    let login = Login::public().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let id = format!("{origin}/client.json");
    let document = json!({ "client_id": id, "client_name": "By URL", "redirect_uris": [CALLBACK] });
    let huge = format!("{{\"client_id\": \"{origin}/huge.json\"{}}}", " ".repeat(1 << 16));
    let pages = axum::Router::new()
        .route("/client.json", axum::routing::get(move || async move { document.to_string() }))
        .route("/huge.json", axum::routing::get(move || async move { huge }));
    tokio::spawn(async move { axum::serve(listener, pages).await });

    let page = text(login.ask(&[("client_id", &id)]).await).await;
    assert!(page.contains("By URL"), "{page}");
    let code = answer(&login.click(&page, "allow").await)["code"].clone();
    assert_eq!(login.trade(&code, &[("client_id", &id)]).await.0, StatusCode::OK);
    for absent in ["/huge.json", "/none.json"] {
        let response = login.ask(&[("client_id", &format!("{origin}{absent}"))]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{absent}");
    }
}

#[tokio::test]
async fn minted_tokens_are_good_expired_foreign_or_forged_as_asked() {
    let login = Login::public().await;
    let issuer = &login.issuer;
    let claims = issuer.claims(RESOURCE).subject("alice").scopes("tickets:read");
    let good = login.verify(&issuer.token(&claims)).await.unwrap();
    assert_eq!((&good["sub"], &good["scope"]), (&json!("alice"), &json!("tickets:read")));
    for bad in [
        issuer.forged_token(&claims),
        issuer.token(&claims.clone().expires_in(-3600)),
        issuer.token(&issuer.claims("http://127.0.0.1:9/mcp")),
        issuer.token(&claims.clone().with("iss", "https://issuer.example")),
        Issuer::start().await.token(&claims),
    ] {
        assert!(login.verify(&bad).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn the_metadata_is_found_at_both_places_and_under_our_own_name_only() {
    let login = Login::public().await;
    let url = login.issuer.url();
    for place in ["oauth-authorization-server", "openid-configuration"] {
        let request = || login.http.get(format!("{url}/.well-known/{place}"));
        let (_, metadata) = json_reply(request()).await;
        assert_eq!(metadata["issuer"], url);
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
        let foreign = request().header(HOST, "evil.example").send().await.unwrap();
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    }
}
