//! What is said to bytes that are not one message.

use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// The answer to what the SDK could not read as a message: what is not JSON is a parse error, what is not
/// one message an invalid request (JSON-RPC 2.0 §5.1); the id of such an answer is null (§5).
pub(crate) fn unreadable(message: &[u8]) -> Value {
    if serde_json::from_slice::<IgnoredAny>(message).is_err() {
        fault(-32_700, "Parse error: this is not valid JSON")
    } else if message.trim_ascii_start().starts_with(b"[") {
        fault(-32_600, "Invalid Request: batches are not part of this protocol, send one message")
    } else {
        fault(-32_600, "Invalid Request: this is not a JSON-RPC 2.0 message")
    }
}

/// A fault of a message that has no id to answer to.
pub(crate) fn fault(code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": message } })
}
