//! An authorization server on loopback, a ticketing server that believes it, and what both are asked.

use std::path::Path;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use mcp_testkit::{HttpClient, ServerCommand, ServerProcess, http::Reply};
use reqwest::Method;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{basic_auth, body_string_contains, method, path},
};

/// The audience of the tokens, so that it is known before the server has its port.
pub(crate) const AUDIENCE: &str = "https://tickets.example/mcp";
pub(crate) const METADATA: &str = "/.well-known/oauth-authorization-server";

pub(crate) struct Issuer(pub(crate) MockServer);

impl Issuer {
    /// An issuer that tells where its keys are.
    pub(crate) async fn start() -> Self {
        let issuer = Self::silent().await;
        issuer.serve(METADATA, issuer.metadata()).await;
        issuer.serve("/keys", keys("rsa")).await;
        issuer
    }

    /// An issuer that answers 404.
    pub(crate) async fn silent() -> Self {
        Self(MockServer::start().await)
    }

    pub(crate) fn metadata(&self) -> Value {
        json!({ "issuer": self.name(), "jwks_uri": format!("{}/keys", self.name()) })
    }

    pub(crate) fn name(&self) -> String {
        self.0.uri()
    }

    pub(crate) async fn serve(&self, at: &str, document: Value) {
        let answer = ResponseTemplate::new(200).set_body_json(document);
        Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&self.0).await;
    }

    /// Answers what an opaque token is worth.
    pub(crate) async fn vouch(&self, token: &str, answer: ResponseTemplate) {
        Mock::given(method("POST"))
            .and(path("/introspect"))
            .and(basic_auth("tickets", "s3cret"))
            .and(body_string_contains(format!("token={token}&")))
            .respond_with(answer)
            .mount(&self.0)
            .await;
    }

    /// A good token with some claims replaced; `null` removes one.
    pub(crate) fn token(&self, changes: Value) -> String {
        self.token_by("rsa", changes)
    }

    pub(crate) fn token_by(&self, key: &str, changes: Value) -> String {
        let mut claims = json!({
            "iss": self.name(), "aud": AUDIENCE, "sub": "alice", "jti": "token-1",
            "iat": now(), "exp": now() + 600, "scope": "tickets:read",
        });
        let (Some(claims), Value::Object(changes)) = (claims.as_object_mut(), changes) else {
            panic!("claims are an object");
        };
        claims.extend(changes);
        claims.retain(|_, value| !value.is_null());
        let header = Header { kid: Some(key.to_owned()), ..Header::new(Algorithm::RS256) };
        encode(&header, claims, &private_key(key)).unwrap()
    }

    /// A ticketing server that accepts this issuer's tokens.
    pub(crate) fn server(&self) -> ServerCommand {
        ticketing()
            .env("MCP_AUTH", "oauth")
            .env("MCP_AUTH_ISSUER", self.name())
            .env("MCP_AUTH_AUDIENCE", AUDIENCE)
    }
}

/// A ticketing server that keeps nothing.
pub(crate) fn ticketing() -> ServerCommand {
    ServerCommand::new(env!("CARGO_BIN_EXE_mcp-ticketing")).env("DATABASE_URL", "sqlite::memory:")
}

pub(crate) fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn private_key(name: &str) -> EncodingKey {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/auth");
    EncodingKey::from_rsa_pem(&std::fs::read(folder.join(format!("{name}.pem"))).unwrap()).unwrap()
}

/// The JWK Set of one key, whose name is its `kid`.
pub(crate) fn keys(name: &str) -> Value {
    let key = Jwk::from_encoding_key(&private_key(name), Algorithm::RS256).unwrap();
    let mut key = serde_json::to_value(key).unwrap();
    key["kid"] = json!(name);
    json!({ "keys": [key] })
}

/// Reads a document of the server beside `/mcp`.
pub(crate) async fn get(server: &ServerProcess, path: &str) -> Reply {
    get_as(&HttpClient::new(format!("http://{}{path}", server.address()))).await
}

pub(crate) async fn get_as(client: &HttpClient) -> Reply {
    client.message(&Value::Null).method(Method::GET).body("").send().await
}

/// What a call with the token is answered.
pub(crate) async fn call(server: &ServerProcess, token: &str) -> Reply {
    HttpClient::new(server.url()).bearer(token).call_tool("search_tickets", json!({})).await
}
