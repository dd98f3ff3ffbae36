//! Ids that tie records together: W3C trace context and the request id.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::{Builder, Uuid};

/// Sixteen bytes, never all zero; written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// Eight bytes, never all zero; written as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

impl TraceId {
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// A new random id.
    pub fn random() -> Self {
        Self(rand::random::<u128>().max(1).to_be_bytes())
    }
}

impl SpanId {
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// A new random id.
    pub fn random() -> Self {
        Self(rand::random::<u64>().max(1).to_be_bytes())
    }
}

/// Where an operation stands in a distributed trace ([W3C Trace Context](https://www.w3.org/TR/trace-context/)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Shared by everything that one original request caused.
    pub trace_id: TraceId,
    /// This operation.
    pub span_id: SpanId,
    /// Whose part this operation is; none at the start of a trace.
    pub parent_span_id: Option<SpanId>,
    /// Whether the caller says that it records the trace.
    pub sampled: bool,
}

impl TraceContext {
    /// A new trace that begins here.
    pub fn root() -> Self {
        Self {
            trace_id: TraceId::random(),
            span_id: SpanId::random(),
            parent_span_id: None,
            sampled: false,
        }
    }

    /// Continues the caller's trace. What is not a valid `traceparent` starts a new one, as §3.2.3 and §4.3
    /// demand: the header is outside text and buys nothing but a shared id.
    pub fn from_traceparent(traceparent: Option<&str>) -> Self {
        match traceparent.and_then(parse) {
            Some((trace_id, parent, sampled)) => {
                Self { trace_id, span_id: SpanId::random(), parent_span_id: Some(parent), sampled }
            }
            None => Self::root(),
        }
    }

    /// A part of this operation: an upstream request, a query.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: SpanId::random(), parent_span_id: Some(self.span_id), ..*self }
    }

    /// The header to send upstream.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }

    /// The header as the caller sent it, for what takes no part in the trace itself.
    pub(crate) fn callers_traceparent(&self) -> Option<String> {
        let parent = self.parent_span_id?;
        Some(TraceContext { span_id: parent, ..*self }.traceparent())
    }
}

/// Parses `version "-" trace-id "-" parent-id "-" flags` (§3.2.2). A later version may go on after a dash.
fn parse(header: &str) -> Option<(TraceId, SpanId, bool)> {
    // Later versions have no upper bound of their own; ours keeps the work constant.
    if header.len() > 256 {
        return None;
    }
    let mut parts = header.splitn(5, '-');
    let [version] = digits(parts.next()?)?;
    let trace_id: [u8; 16] = digits(parts.next()?)?;
    let parent: [u8; 8] = digits(parts.next()?)?;
    let [flags] = digits(parts.next()?)?;
    let version_allows_the_rest = match (version, parts.next()) {
        (0xff, _) | (0, Some(_)) => false,
        (_, _) => true,
    };
    let valid = version_allows_the_rest && trace_id != [0; 16] && parent != [0; 8];
    valid.then_some((TraceId(trace_id), SpanId(parent), flags & 1 == 1))
}

/// Exactly `N` bytes in lower-case hexadecimal; upper case is invalid by the grammar.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// The id under which log, audit line and answer of one request are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new id that sorts by time, to the millisecond (`UUIDv7`, RFC 9562 §5.7).
    pub fn generate() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        // `Uuid::now_v7` asks the operating system for randomness each time; the generator of the thread, rarely.
        let id = Builder::from_unix_timestamp_millis(milliseconds, &rand::random()).into_uuid();
        let mut text = Uuid::encode_buffer();
        let text: &str = id.as_hyphenated().encode_lower(&mut text);
        Self(text.into())
    }

    /// The id that a trusted proxy chose: 1 to 128 visible ASCII characters, else none.
    pub fn from_trusted(id: &str) -> Option<Self> {
        let valid = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        valid.then(|| Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Ids are the same bytes for people and for machines, so both views print the digits.
macro_rules! print_as_hex {
    ($($id:ty),+) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; size_of::<$id>() * 2];
                hex::encode_to_slice(self.0, &mut digits).map_err(|_too_short| fmt::Error)?;
                f.write_str(str::from_utf8(&digits).map_err(|_not_ascii| fmt::Error)?)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

print_as_hex!(TraceId, SpanId);
