//! One line of the chain: `{"seq":N,"prev":"…",` body `,"hash":"…"}`.

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// No line is longer, the line feed included; a body is at most [`super::record::MAX_BODY`].
pub(super) const MAX_LINE: usize = super::record::MAX_BODY + 1024;

/// `prev` of a file's first line.
const GENESIS: [u8; 32] = [0; 32];

/// How a line ends, but for its hash.
const TRAILER: &[u8] = b",\"hash\":\"";

/// The last line of a chain, to which the next one is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) hash: [u8; 32],
}

impl Head {
    /// Before the first line.
    pub(super) const EMPTY: Self = Self { seq: 0, hash: GENESIS };

    /// Appends the line that carries `body`, a JSON object with at least one member.
    pub(super) fn append(self, body: &[u8], out: &mut Vec<u8>) -> Self {
        let seq = self.seq + 1;
        let start = out.len();
        let members = body.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
        let head = format!("{{\"seq\":{seq},\"prev\":\"{}\",", hex::encode(self.hash));
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(members.unwrap_or_default());
        let hash = Sha256::digest(out.get(start..).unwrap_or_default()).into();
        out.extend_from_slice(TRAILER);
        out.extend_from_slice(hex::encode(hash).as_bytes());
        out.extend_from_slice(b"\"}\n");
        Self { seq, hash }
    }
}

/// A line that is well formed and whose hash is its own; whether it fits the line before is not known yet.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) head: Head,
    pub(super) prev: [u8; 32],
    pub(super) event: Event,
    pub(super) torn_sha256: Option<[u8; 32]>,
}

/// What kind of line it is, as far as the chain cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    Recovered,
    Closed,
    #[serde(other)]
    Other,
}

/// Why bytes are no line of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// They do not have the form of one.
    Malformed,
    /// They have the form, and another hash.
    Edited,
}

#[derive(Deserialize)]
struct Members<'a> {
    seq: u64,
    prev: &'a str,
    event: Event,
    torn_sha256: Option<&'a str>,
}

/// Reads one line, without its line feed.
pub(super) fn parse(line: &[u8]) -> Result<Line, Fault> {
    let (covered, hash) = split(line).ok_or(Fault::Malformed)?;
    let actual: [u8; 32] = Sha256::digest(covered).into();
    if actual != hash {
        return Err(Fault::Edited);
    }
    let members: Members<'_> = serde_json::from_slice(line).map_err(|_| Fault::Malformed)?;
    Ok(Line {
        head: Head { seq: members.seq, hash },
        prev: digest(members.prev.as_bytes()).ok_or(Fault::Malformed)?,
        event: members.event,
        torn_sha256: members.torn_sha256.and_then(|text| digest(text.as_bytes())),
    })
}

/// What the hash covers, and the hash.
fn split(line: &[u8]) -> Option<(&[u8], [u8; 32])> {
    let line = line.strip_suffix(b"\"}")?;
    let (rest, hash) = line.split_at_checked(line.len().checked_sub(64)?)?;
    Some((rest.strip_suffix(TRAILER)?, digest(hash)?))
}

/// 64 lower-case hexadecimal digits; one spelling only, or a flipped case would pass.
fn digest(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (!text.iter().any(u8::is_ascii_uppercase)).then_some(bytes)
}

/// Hashes bytes that are no lines, as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Torn(Sha256);

impl Torn {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
