//! JSON-RPC requests as the protocol's versions want them.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

/// Every version that a server must speak, the newest first.
pub const VERSIONS: [ProtocolVersion; 4] = [
    ProtocolVersion::V_2026_07_28,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_03_26,
];

/// The name under which the raw clients introduce themselves.
pub const CLIENT_NAME: &str = "mcp-testkit";

/// Whether requests of this version describe themselves in `_meta`, without a handshake before them.
pub fn is_modern(version: &ProtocolVersion) -> bool {
    *version >= ProtocolVersion::V_2026_07_28
}

/// A request with an id of its own; a modern one carries version, client and capabilities in `_meta`.
///
/// What `params._meta` already holds stays.
pub fn request(version: &ProtocolVersion, method: &str, params: Value) -> Value {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    let mut params = params;
    if is_modern(version) {
        for (key, value) in modern_meta(version) {
            let entry = &mut params["_meta"][key];
            if entry.is_null() {
                *entry = value;
            }
        }
    }
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method });
    if !params.is_null() {
        message["params"] = params;
    }
    message
}

/// A notification: a message without an id, which gets no answer.
pub fn notification(method: &str, params: Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "method": method });
    if !params.is_null() {
        message["params"] = params;
    }
    message
}

/// The parameters of a legacy `initialize`.
pub fn initialize_params(version: &ProtocolVersion) -> Value {
    json!({ "protocolVersion": version, "clientInfo": client_info(), "capabilities": {} })
}

fn modern_meta(version: &ProtocolVersion) -> [(&'static str, Value); 3] {
    [
        ("io.modelcontextprotocol/protocolVersion", json!(version)),
        ("io.modelcontextprotocol/clientInfo", client_info()),
        ("io.modelcontextprotocol/clientCapabilities", json!({})),
    ]
}

fn client_info() -> Value {
    json!({ "name": CLIENT_NAME, "version": env!("CARGO_PKG_VERSION") })
}

/// The arguments that tools of ours have repeated in `Mcp-Param-*` headers; where a tool has not, the header says nothing.
const ROUTED: [&str; 4] = ["owner", "repo", "collection", "schema"];

/// The headers that repeat arguments of a tool, as a client that read its `x-mcp-header` sends them.
pub fn argument_headers(message: &Value) -> Vec<(String, String)> {
    let arguments = &message["params"]["arguments"];
    let header = |name: &str| {
        let text = match &arguments[name] {
            Value::String(text) => header_text(text),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => return None,
        };
        Some((format!("mcp-param-{name}"), text))
    };
    let is_call = message["method"] == "tools/call";
    ROUTED.into_iter().filter(|_| is_call).filter_map(header).collect()
}

/// The value of the `Mcp-Name` header for a message: the tool, the prompt or the resource that it names.
///
/// A name that is no plain header text is wrapped in Base64, as the transport's specification of 2026-07-28 says.
pub fn header_name(message: &Value) -> Option<String> {
    let key = match message["method"].as_str()? {
        "tools/call" | "prompts/get" => "name",
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
        _ => return None,
    };
    let name = message["params"][key].as_str()?;
    Some(header_text(name))
}

fn header_text(text: &str) -> String {
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if plain && text.trim() == text && !text.starts_with("=?base64?") {
        return text.to_owned();
    }
    wrapped(text)
}

/// A text as headers may always carry it.
pub fn wrapped(text: &str) -> String {
    format!("=?base64?{}?=", BASE64_STANDARD.encode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modern_request_describes_itself_and_keeps_the_callers_meta() {
        let params = json!({ "_meta": { "progressToken": 7 } });
        let message = request(&ProtocolVersion::V_2026_07_28, "tools/list", params);
        let meta = &message["params"]["_meta"];
        assert_eq!(meta["progressToken"], 7);
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], CLIENT_NAME);
        assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    }

    #[test]
    fn a_legacy_request_has_no_meta_and_no_empty_params() {
        let message = request(&ProtocolVersion::V_2025_06_18, "tools/list", Value::Null);
        assert!(message.get("params").is_none(), "{message}");
    }

    #[test]
    fn ids_are_unique() {
        let ids = [(); 2].map(|()| request(&VERSIONS[0], "ping", Value::Null)["id"].clone());
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn a_name_that_is_no_header_text_is_wrapped() {
        let call = |name: &str| json!({ "method": "tools/call", "params": { "name": name } });
        assert_eq!(header_name(&call("get_ticket")).unwrap(), "get_ticket");
        assert_eq!(header_name(&call("zürich")).unwrap(), "=?base64?esO8cmljaA==?=");
        assert_eq!(header_name(&call(" x")).unwrap(), "=?base64?IHg=?=");
        assert_eq!(header_name(&json!({ "method": "tools/list" })), None);
    }

    #[test]
    fn arguments_that_gateways_route_by_are_repeated_in_headers() {
        let arguments = json!({ "owner": "octo", "repo": "zürich", "number": 7, "schema": null });
        let call = json!({ "method": "tools/call", "params": { "arguments": arguments } });
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            header("mcp-param-owner", "octo"),
            header("mcp-param-repo", "=?base64?esO8cmljaA==?="),
        ];
        assert_eq!(argument_headers(&call), expected);
    }
}
