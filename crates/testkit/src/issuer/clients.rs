//! Who may ask for tokens: registered clients (RFC 7591) and clients that describe themselves at a URL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures::StreamExt;
use serde_json::{Map, Value, json};
use url::{Host, Url};
use uuid::Uuid;

use super::{Refusal, Shared, json_response};

pub(super) const GRANT_TYPES: [&str; 3] =
    ["authorization_code", "refresh_token", "client_credentials"];
pub(super) const AUTH_METHODS: [&str; 3] = ["none", "client_secret_post", "client_secret_basic"];

/// A self-description is a page of JSON, and is there at once or not at all.
const MAX_DOCUMENT_BYTES: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

const MOST_CLIENTS: usize = 1_000;
const MOST_REDIRECTS: usize = 20;

/// A client of the issuer.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: String,
    /// What the consent page calls it; anything, so it is escaped there.
    pub(super) name: String,
    /// None for a public client.
    pub(super) secret: Option<String>,
    redirect_uris: Vec<Url>,
}

impl Client {
    /// The URI to redirect to, if it is one of the client's.
    pub(super) fn redirect(&self, uri: &str) -> Option<Url> {
        let uri = Url::parse(uri).ok()?;
        self.redirect_uris.iter().any(|known| is_same_redirect(known, &uri)).then_some(uri)
    }
}

#[derive(Debug)]
pub(super) struct Clients {
    registered: Mutex<HashMap<String, Client>>,
    http: reqwest::Client,
}

impl Clients {
    pub(super) fn new() -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .expect("the TLS library starts");
        Self { registered: Mutex::default(), http }
    }

    /// The client of that id: a registered one, or the one that the document at this URL describes.
    pub(super) async fn find(&self, id: &str) -> Result<Client, Refusal> {
        let registered =
            self.registered.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        match (registered, document_url(id)) {
            (Some(client), _) => Ok(client),
            (None, Some(url)) => {
                let unreadable =
                    Refusal::new("invalid_client", "the client's document is not readable");
                described(id, &self.fetch(url).await.ok_or(unreadable)?)
            }
            (None, None) => {
                Err(Refusal::new("invalid_client", "the client is not known: register it"))
            }
        }
    }

    async fn fetch(&self, url: Url) -> Option<Map<String, Value>> {
        let response = self.http.get(url).send().await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            body.extend(chunk.ok()?);
            if body.len() > MAX_DOCUMENT_BYTES {
                return None;
            }
        }
        serde_json::from_slice(&body).ok()
    }

    fn add(&self, client: Client) -> Result<(), Refusal> {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if registered.len() >= MOST_CLIENTS {
            return Err(Refusal::invalid_request("too many clients; restart the issuer"));
        }
        registered.insert(client.id.clone(), client);
        Ok(())
    }
}

/// `POST /register`.
pub(super) async fn register(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let invalid = |reason| Refusal::new("invalid_client_metadata", reason);
    let metadata: Map<String, Value> =
        serde_json::from_slice(&body).map_err(|_| invalid("the body is no JSON object"))?;
    let method = metadata.get("token_endpoint_auth_method").and_then(Value::as_str);
    let method = method.unwrap_or("client_secret_basic").to_owned();
    if !AUTH_METHODS.contains(&method.as_str()) {
        return Err(invalid("`token_endpoint_auth_method` is not supported"));
    }
    let random = || Uuid::new_v4().simple().to_string();
    let client = Client {
        id: random(),
        name: name(&metadata),
        secret: (method != "none").then(random),
        redirect_uris: redirect_uris(&metadata)?,
    };
    let mut answer = metadata;
    answer.insert("client_id".to_owned(), json!(client.id));
    answer.insert("token_endpoint_auth_method".to_owned(), json!(method));
    if let Some(secret) = &client.secret {
        answer.insert("client_secret".to_owned(), json!(secret));
        answer.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    shared.clients.add(client)?;
    Ok(json_response(StatusCode::CREATED, &Value::Object(answer)))
}

/// A client as its own document describes it; it must name its own URL, and has no secret.
fn described(id: &str, document: &Map<String, Value>) -> Result<Client, Refusal> {
    if document.get("client_id").and_then(Value::as_str) != Some(id) {
        return Err(Refusal::new("invalid_client", "the client's document names another client"));
    }
    let redirect_uris = redirect_uris(document)?;
    Ok(Client { id: id.to_owned(), name: name(document), secret: None, redirect_uris })
}

fn name(metadata: &Map<String, Value>) -> String {
    let name =
        metadata.get("client_name").and_then(Value::as_str).unwrap_or("A client without a name");
    name.chars().take(100).collect()
}

fn redirect_uris(metadata: &Map<String, Value>) -> Result<Vec<Url>, Refusal> {
    let invalid = |reason| Refusal::new("invalid_redirect_uri", reason);
    // A client that has only its own credentials is not redirected to.
    let Some(listed) = metadata.get("redirect_uris") else { return Ok(Vec::new()) };
    let listed = listed.as_array().ok_or(invalid("`redirect_uris` is no list"))?;
    if listed.len() > MOST_REDIRECTS {
        return Err(invalid("`redirect_uris` is too long"));
    }
    let usable = |uri: &Value| {
        uri.as_str().and_then(|uri| Url::parse(uri).ok()).filter(may_be_redirected_to)
    };
    let reason = "a redirect URI is https, http on loopback, or of an app's own scheme";
    listed.iter().map(|uri| usable(uri).ok_or(invalid(reason))).collect()
}

fn may_be_redirected_to(uri: &Url) -> bool {
    let scheme = match uri.scheme() {
        "https" => true,
        "http" => is_loopback(uri),
        // An app's own scheme (RFC 8252 §7.1). What a browser would run or show has no host.
        "file" => false,
        _ => uri.has_host(),
    };
    scheme && uri.fragment().is_none()
}

/// Exactly the same, but for the port on loopback, which an app cannot choose in advance (RFC 8252 §7.3).
fn is_same_redirect(known: &Url, asked: &Url) -> bool {
    let mut asked = asked.clone();
    if known.scheme() == "http" && is_loopback(known) && is_loopback(&asked) {
        // Fails only for URLs without a host.
        asked.set_port(known.port()).ok();
    }
    *known == asked
}

/// The URL of a client's document: https, or http on loopback, with a path and nothing behind it.
fn document_url(id: &str) -> Option<Url> {
    let url = Url::parse(id).ok()?;
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let bare = url.query().is_none() && url.fragment().is_none() && url.password().is_none();
    (scheme && bare && url.username().is_empty() && url.path() != "/").then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(redirect: &str) -> Client {
        let metadata = json!({ "client_id": "x", "redirect_uris": [redirect] });
        described("x", metadata.as_object().unwrap()).unwrap()
    }

    #[test]
    fn a_redirect_uri_matches_exactly_but_for_a_loopback_port() {
        let local = client("http://127.0.0.1:1/callback");
        assert!(local.redirect("http://127.0.0.1:49152/callback").is_some());
        for bad in [
            "http://127.0.0.1:1/callback/..%2f",
            "http://127.0.0.1:1/other",
            "http://localhost:1/callback",
            "https://127.0.0.1:1/callback",
            "http://127.0.0.1.example:1/callback",
            "http://user@127.0.0.1:1/callback",
        ] {
            assert!(local.redirect(bad).is_none(), "{bad}");
        }
        let remote = client("https://app.example/callback");
        assert!(remote.redirect("https://app.example/callback").is_some());
        assert!(remote.redirect("https://app.example:8443/callback").is_none());
        assert!(remote.redirect("https://app.example/callback?x=1").is_none());
    }

    #[test]
    fn what_a_browser_would_run_is_no_redirect_uri() {
        for (uri, allowed) in [
            ("cursor://anysphere.cursor-retrieval/oauth/callback", true),
            ("https://app.example/callback", true),
            ("http://app.example/callback", false),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("file:///etc/passwd", false),
            ("https://app.example/#x", false),
        ] {
            assert_eq!(may_be_redirected_to(&Url::parse(uri).unwrap()), allowed, "{uri}");
        }
    }

    #[test]
    fn a_client_documents_url_is_https_or_loopback_with_a_path() {
        assert!(document_url("https://app.example/client.json").is_some());
        assert!(document_url("http://127.0.0.1:8000/client.json").is_some());
        for bad in [
            "app",
            "https://app.example/",
            "http://app.example/client.json",
            "https://user@app.example/client.json",
            "https://app.example/client.json?x",
        ] {
            assert!(document_url(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_document_that_names_another_client_is_refused() {
        let document = json!({ "client_id": "https://other.example/client.json" });
        let outcome = described("https://app.example/client.json", document.as_object().unwrap());
        assert_eq!(outcome.unwrap_err().code, "invalid_client");
    }
}
