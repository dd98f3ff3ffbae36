//! How large a value is, without writing it anywhere.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

/// Work on more than this many bytes belongs off the async threads.
pub const OFFLOAD_BYTES: usize = 64 * 1024;

/// Whether the strings and keys of `value` together exceed [`OFFLOAD_BYTES`]. Stops as soon as it knows.
pub fn is_large(value: &Value) -> bool {
    let mut size = 0;
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        size += match value {
            Value::String(text) => text.len(),
            Value::Array(items) => {
                waiting.extend(items);
                items.len()
            }
            Value::Object(fields) => {
                waiting.extend(fields.values());
                fields.keys().map(String::len).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        };
        if size > OFFLOAD_BYTES {
            return true;
        }
    }
    false
}

/// The length of `value` as JSON in bytes, or `None` when it exceeds `limit`; stops there.
pub(crate) fn json_len(value: &Value, limit: usize) -> Option<usize> {
    let mut counter = Counter { bytes: 0, limit };
    serde_json::to_writer(&mut counter, value).ok().map(|()| counter.bytes)
}

/// `value` as JSON, or `None` when it is longer than `limit` bytes; stops there.
pub fn json_within<T: Serialize + ?Sized>(value: &T, limit: usize) -> Option<String> {
    let mut text = Bounded { written: Vec::with_capacity(1_024), limit };
    serde_json::to_writer(&mut text, value).ok()?;
    String::from_utf8(text.written).ok()
}

/// The length that `text` has inside the quotes of a JSON string.
pub(crate) fn escaped_len(text: &str) -> usize {
    text.chars().map(escaped_char_len).sum()
}

/// The length of one character inside a JSON string (RFC 8259 §7), as `serde_json` writes it.
pub(crate) fn escaped_char_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

struct Bounded {
    written: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Counter {
    bytes: usize,
    limit: usize,
}

impl Write for Counter {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        self.bytes += written.len();
        if self.bytes > self.limit {
            Err(io::ErrorKind::FileTooLarge.into())
        } else {
            Ok(written.len())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
