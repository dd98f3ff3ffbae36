//! Raw MCP requests over Streamable HTTP, for tests of the protocol itself.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::process::PATIENCE;
use crate::wire;

/// No test needs a larger reply, and a runaway server must not fill the memory.
const MAX_REPLY_BYTES: usize = 16 << 20;

/// A client of one endpoint in one protocol version.
#[derive(Debug, Clone)]
pub struct HttpClient {
    http: reqwest::Client,
    url: String,
    version: ProtocolVersion,
    headers: HeaderMap,
}

impl HttpClient {
    /// A client of the current version.
    pub fn new(url: impl Into<String>) -> Self {
        Self::with_version(url, ProtocolVersion::V_2026_07_28)
    }

    /// A client of the newest version with a handshake, which it may skip if the server has no sessions.
    pub fn legacy(url: impl Into<String>) -> Self {
        Self::with_version(url, ProtocolVersion::V_2025_11_25)
    }

    /// A client of any version; a legacy one may skip [`initialize`](Self::initialize) if the server has no sessions.
    pub fn with_version(url: impl Into<String>, version: ProtocolVersion) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("the TLS library starts");
        Self { http, url: url.into(), version, headers: HeaderMap::new() }
    }

    /// Sends by a client of the test's own: with certificates, say.
    #[must_use]
    pub fn by(self, http: reqwest::Client) -> Self {
        Self { http, ..self }
    }

    /// Sends `Authorization: Bearer …` with every request.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends a header with every request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        set(&mut self.headers, name, value);
        self
    }

    /// The legacy handshake; a session id in the answer is sent from here on.
    pub async fn initialize(&mut self) -> Reply {
        let params = wire::initialize_params(&self.version);
        let reply = self.request("initialize", params).send().await;
        if let Some(session) = reply.headers.get("mcp-session-id") {
            self.headers.insert("mcp-session-id", session.clone());
        }
        let initialized = wire::notification("notifications/initialized", Value::Null);
        self.message(&initialized).send().await;
        reply
    }

    /// Calls a tool.
    pub async fn call_tool(&self, name: &str, arguments: Value) -> Reply {
        let params = json!({ "name": name, "arguments": arguments });
        self.request("tools/call", params).send().await
    }

    /// Lists the tools.
    pub async fn list_tools(&self) -> Reply {
        self.request("tools/list", Value::Null).send().await
    }

    /// Reads a resource.
    pub async fn read_resource(&self, uri: &str) -> Reply {
        self.request("resources/read", json!({ "uri": uri })).send().await
    }

    /// Gets a prompt.
    pub async fn get_prompt(&self, name: &str, arguments: Value) -> Reply {
        let params = json!({ "name": name, "arguments": arguments });
        self.request("prompts/get", params).send().await
    }

    /// A correct request of the client's version, to be sent or spoiled.
    pub fn request(&self, method: &str, params: Value) -> HttpRequest {
        self.message(&wire::request(&self.version, method, params))
    }

    /// Any message, with the headers that belong to it.
    pub fn message(&self, message: &Value) -> HttpRequest {
        let mut headers = self.headers.clone();
        set(&mut headers, "content-type", "application/json");
        set(&mut headers, "accept", "application/json, text/event-stream");
        let method = message["method"].as_str().unwrap_or_default();
        // The version is what a handshake negotiates, so only later requests name it.
        if method != "initialize" {
            set(&mut headers, "mcp-protocol-version", self.version.as_str());
        }
        if wire::is_modern(&self.version) {
            set(&mut headers, "mcp-method", method);
            if let Some(name) = wire::header_name(message) {
                set(&mut headers, "mcp-name", &name);
            }
            for (name, value) in wire::argument_headers(message) {
                set(&mut headers, &name, &value);
            }
        }
        let client = self.clone();
        HttpRequest { client, method: Method::POST, headers, body: message.to_string().into() }
    }
}

/// A request that may still be changed, to see how the server takes it.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    client: HttpClient,
    method: Method,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl HttpRequest {
    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        set(&mut self.headers, name, value);
        self
    }

    /// Leaves a header out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Replaces the HTTP method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Replaces the body; the headers stay.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request and reads the whole reply.
    pub async fn send(self) -> Reply {
        self.open().await.finish().await
    }

    /// Sends the request and returns as soon as the headers of the reply are there.
    ///
    /// Dropping the value closes the connection, which cancels the call in the server.
    pub async fn open(self) -> ReplyStream {
        self.try_open().await.unwrap_or_else(|error| panic!("no reply: {error}"))
    }

    /// Sends the request to a server that may die meanwhile.
    ///
    /// # Errors
    ///
    /// Why the reply did not come, or not whole.
    pub async fn try_send(self) -> reqwest::Result<Reply> {
        self.try_open().await?.try_finish().await
    }

    async fn try_open(self) -> reqwest::Result<ReplyStream> {
        let HttpRequest { client, method, headers, body } = self;
        let request = client.http.request(method, &client.url).headers(headers).body(body);
        let response = timeout(PATIENCE, request.send()).await;
        response.unwrap_or_else(|_| panic!("no reply within {PATIENCE:?}")).map(ReplyStream::new)
    }
}

/// A whole reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The HTTP headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: String,
    /// The messages of the body, whether it was one JSON document or an event stream.
    pub messages: Vec<Value>,
}

impl Reply {
    /// The message that answers the request: the last one, after any notifications. Null if the body held none.
    pub fn json(&self) -> &Value {
        self.messages.last().unwrap_or(&Value::Null)
    }

    /// The `result`; fails when the answer is an error.
    pub fn result(&self) -> &Value {
        let result = self.json().get("result");
        result.unwrap_or_else(|| panic!("{}: no result in `{}`", self.status, self.body))
    }

    /// A header's text, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A reply that may still be coming.
pub struct ReplyStream {
    /// The HTTP status.
    pub status: StatusCode,
    /// The HTTP headers.
    pub headers: HeaderMap,
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Vec<u8>>> + Send>>,
    body: Vec<u8>,
    /// Where in the body the first unread event starts.
    unread: usize,
}

impl ReplyStream {
    fn new(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let chunks = response.bytes_stream().map(|chunk| chunk.map(|it| it.to_vec()));
        Self { status, headers, chunks: Box::pin(chunks), body: Vec::new(), unread: 0 }
    }

    /// The next message of an event stream; nothing at its end. Fails after [`PATIENCE`].
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.take_event() {
                match data(&event) {
                    Some(message) => return Some(message),
                    // A priming event or a comment that keeps the connection alive.
                    None => continue,
                }
            }
            let read = self.read().await;
            if !read.unwrap_or_else(|error| panic!("the reply broke off: {error}")) {
                return None;
            }
        }
    }

    /// Reads the reply to its end.
    pub async fn finish(self) -> Reply {
        let reply = self.try_finish().await;
        reply.unwrap_or_else(|error| panic!("the reply broke off: {error}"))
    }

    async fn try_finish(mut self) -> reqwest::Result<Reply> {
        while self.read().await? {}
        let body = String::from_utf8(self.body).expect("replies are UTF-8");
        let messages = match serde_json::from_str(&body) {
            Ok(message) => vec![message],
            Err(_) => body.split("\n\n").filter_map(data).collect(),
        };
        Ok(Reply { status: self.status, headers: self.headers, body, messages })
    }

    async fn read(&mut self) -> reqwest::Result<bool> {
        let chunk = timeout(PATIENCE, self.chunks.next()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("the reply does not go on"));
        let Some(chunk) = chunk.transpose()? else { return Ok(false) };
        self.body.extend(chunk);
        assert!(self.body.len() <= MAX_REPLY_BYTES, "the reply is over {MAX_REPLY_BYTES} bytes");
        Ok(true)
    }

    fn take_event(&mut self) -> Option<String> {
        let rest = self.body.get(self.unread..)?;
        let length = rest.windows(2).position(|pair| pair == b"\n\n")?;
        let event = String::from_utf8_lossy(rest.get(..length)?).into_owned();
        self.unread += length + 2;
        Some(event)
    }
}

impl std::fmt::Debug for ReplyStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplyStream").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The message in one server-sent event.
fn data(event: &str) -> Option<Value> {
    let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
    let data: Vec<&str> = lines.map(str::trim_start).collect();
    serde_json::from_str(&data.join("\n")).ok()
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = HeaderName::try_from(name).expect("a header name");
    headers.insert(name, HeaderValue::from_str(value).expect("a header value"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_yields_its_message_and_a_priming_event_none() {
        let event = "event: message\nid: 1\ndata: {\"id\":\ndata: 1}";
        assert_eq!(data(event), Some(json!({ "id": 1 })));
        assert_eq!(data("id: 0\nretry: 3000\ndata: "), None);
        assert_eq!(data(": keep-alive"), None);
    }
}
