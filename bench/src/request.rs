//! One request as bytes, made once and sent many times with another number each time.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// Stands for the number of a request wherever it occurs: in its id, its arguments, its answer.
pub(crate) const NUMBER: u64 = 7_777_777_777;

/// Stands for the number of a client, likewise.
pub(crate) const CLIENT: u64 = 8_888_888_888;

/// As many digits as the stand-ins have, so that nothing moves.
const FIRST: u64 = 1_000_000_000;

/// Which revision of the protocol a client speaks, and whether it keeps a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Modern,
    Legacy,
    Session,
}

impl Era {
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Modern => "2026-07-28",
            Self::Legacy | Self::Session => "2025-11-25",
        }
    }
}

/// What a client asks again and again, and what every answer must hold.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    /// Text of the answer, as JSON has it.
    pub(crate) expected: String,
    pub(crate) era: Era,
    /// `Bearer …`, or nothing.
    pub(crate) authorization: Option<String>,
    /// How many clients take turns.
    pub(crate) clients: u64,
}

impl Question {
    /// A call of a tool in the current protocol.
    pub(crate) fn new(tool: &'static str, arguments: Value, expected: impl Into<String>) -> Self {
        let (era, authorization) = (Era::Modern, None);
        Self { tool, arguments, expected: expected.into(), era, authorization, clients: 1 }
    }

    /// Something to say, which must be said back.
    pub(crate) fn echo() -> Self {
        let message = format!("a message of some length {NUMBER}");
        let expected = format!(r#""message":"{message}""#);
        Self::new("echo", json!({ "message": message }), expected)
    }

    #[must_use]
    pub(crate) fn era(self, era: Era) -> Self {
        Self { era, ..self }
    }

    #[must_use]
    pub(crate) fn bearer(self, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..self }
    }

    /// The message.
    pub(crate) fn message(&self) -> String {
        let params = json!({ "name": self.tool, "arguments": self.arguments });
        self.message_of("tools/call", params).to_string()
    }

    fn message_of(&self, method: &str, mut params: Value) -> Value {
        if let (Era::Modern, Some(params)) = (self.era, params.as_object_mut()) {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": self.era.version(),
                "io.modelcontextprotocol/clientInfo": { "name": "mcp-bench", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            params.insert("_meta".to_owned(), meta);
        }
        json!({ "jsonrpc": "2.0", "id": NUMBER, "method": method, "params": params })
    }

    /// The handshake of the legacy protocol.
    pub(crate) fn initialize(&self) -> String {
        let client = json!({ "name": "mcp-bench", "version": "1" });
        let version = self.era.version();
        let params =
            json!({ "protocolVersion": version, "clientInfo": client, "capabilities": {} });
        self.message_of("initialize", params).to_string()
    }

    /// What goes before a message on HTTP.
    pub(crate) fn http(&self, host: &str, session: Option<&str>, body: &str) -> String {
        let named = (self.era == Era::Modern)
            .then(|| format!("Mcp-Method: tools/call\r\nMcp-Name: {}\r\n", self.tool));
        let session = session.map(|id| format!("Mcp-Session-Id: {id}\r\n"));
        let authorization = self.authorization.as_ref();
        let authorization = authorization.map(|value| format!("Authorization: {value}\r\n"));
        let optional = [named, session, authorization].into_iter().flatten().collect::<String>();
        format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {}\r\n\
             {optional}Content-Length: {}\r\n\r\n{body}",
            self.era.version(),
            body.len()
        )
    }
}

/// A request, ready to be numbered and sent.
#[derive(Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    numbers: Vec<usize>,
    client_numbers: Vec<usize>,
    clients: u64,
    id: Stamp,
    expected: Stamp,
}

impl Request {
    pub(crate) fn new(text: String, question: &Question) -> Self {
        Self {
            numbers: places(&text, NUMBER),
            client_numbers: places(&text, CLIENT),
            bytes: text.into_bytes(),
            clients: question.clients,
            id: Stamp::new(format!(r#""id":{NUMBER}"#)),
            expected: Stamp::new(question.expected.clone()),
        }
    }

    /// The next request.
    pub(crate) fn next(&mut self) -> &[u8] {
        static NEXT: AtomicU64 = AtomicU64::new(FIRST);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        write(&mut self.bytes, &self.numbers, number);
        write(&mut self.bytes, &self.client_numbers, FIRST + number % self.clients);
        self.id.set(number);
        self.expected.set(number);
        &self.bytes
    }

    /// Whether `answer` is that of the request that was sent last.
    ///
    /// # Errors
    /// With the answer, when it is not.
    pub(crate) fn check(&self, answer: &[u8]) -> Result<()> {
        let text = str::from_utf8(answer)?;
        let is_ours = text.contains(self.id.as_str()?) && text.contains(self.expected.as_str()?);
        ensure!(is_ours, "expected {:?} in the answer: {text:.2000}", self.expected.as_str()?);
        Ok(())
    }
}

/// A text with the number in it.
#[derive(Debug)]
struct Stamp {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Stamp {
    fn new(text: String) -> Self {
        Self { places: places(&text, NUMBER), bytes: text.into_bytes() }
    }

    fn set(&mut self, number: u64) {
        write(&mut self.bytes, &self.places, number);
    }

    fn as_str(&self) -> Result<&str> {
        Ok(str::from_utf8(&self.bytes)?)
    }
}

fn places(text: &str, stand_in: u64) -> Vec<usize> {
    text.match_indices(&stand_in.to_string()).map(|(place, _)| place).collect()
}

/// The key of one of many clients.
pub(crate) fn client_key(client: u64) -> String {
    format!("bench-key-{}", FIRST + client)
}

/// The key of whichever client's turn it is.
pub(crate) fn any_client_key() -> String {
    format!("bench-key-{CLIENT}")
}

fn write(bytes: &mut [u8], places: &[usize], mut number: u64) {
    let mut digits = *b"0000000000";
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    for place in places {
        if let Some(part) = bytes.get_mut(*place..place + digits.len()) {
            part.copy_from_slice(&digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Question, Request};

    #[test]
    fn every_request_has_a_number_of_its_own_and_only_its_own_answer_will_do() {
        let question = Question::echo();
        let mut request = Request::new(question.message(), &question);
        let first = request.next().to_vec();
        let second = String::from_utf8(request.next().to_vec()).unwrap();
        assert_ne!(first, second.as_bytes());
        request.check(second.as_bytes()).unwrap();
        assert!(request.check(&first).is_err());
    }

    #[test]
    fn the_length_that_is_announced_is_that_of_the_body() {
        let question = Question::echo();
        let message = question.message();
        let request = question.http("127.0.0.1:1", None, &message);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
    }
}
