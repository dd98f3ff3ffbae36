//! What one audit line says, bounded.

use std::{
    io::{self, Write},
    net::IpAddr,
    time::Duration,
};

use chrono::{SecondsFormat, Utc};
use mcp_errors::{Error, Result};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    operation::{Target, clip, milliseconds},
    trace::{RequestId, TraceId},
};

/// A longer body loses its arguments, then its fields: a record must always fit a line.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// SHA-256 of a call's arguments as compact JSON with sorted keys.
///
/// It shows that two calls had the same arguments. Arguments of few possible values can be guessed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgumentsHash([u8; 32]);

impl ArgumentsHash {
    /// The hash of `arguments`.
    pub fn of(arguments: &Map<String, Value>) -> Self {
        let mut hasher = HashWriter(Sha256::new());
        // Neither a map of `Value`s nor a hasher can fail.
        serde_json::to_writer(&mut hasher, arguments).ok();
        Self(hasher.0.finalize().into())
    }
}

impl Serialize for ArgumentsHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

struct HashWriter(Sha256);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Who called.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Principal<'a> {
    /// The key that quotas and idempotency use too.
    #[serde(serialize_with = "clip_256")]
    pub key: &'a str,
    /// The name that a person recognises.
    #[serde(serialize_with = "clip_256")]
    pub display: &'a str,
}

/// One call, finished. Text is clipped to what a line can carry.
#[derive(Clone, Copy, Debug)]
pub struct AuditRecord<'a> {
    /// Who called.
    pub principal: Principal<'a>,
    /// Name and version that the client announced; unverified.
    pub client: Option<(&'a str, &'a str)>,
    /// `tools/call`, `resources/read`.
    pub method: &'a str,
    /// Which tool, prompt or resource.
    pub target: Option<Target<'a>>,
    /// The hash of the arguments.
    pub arguments_hash: Option<ArgumentsHash>,
    /// The arguments after redaction, where the operator asked for them.
    pub arguments: Option<&'a Value>,
    /// What the tool declares safe to keep: the id of the ticket it closed.
    pub fields: Option<&'a Map<String, Value>>,
    /// `ok` or the code of the failure.
    pub outcome: &'static str,
    /// From receiving the request to its result.
    pub duration: Duration,
    /// The id that log, span and answer share.
    pub request_id: &'a RequestId,
    /// The trace that the call belongs to.
    pub trace_id: TraceId,
    /// The fingerprint of the credential, never the credential.
    pub credential: Option<&'a str>,
    /// The caller's address; none on stdio.
    pub address: Option<IpAddr>,
}

impl AuditRecord<'_> {
    pub(super) fn body(&self) -> Result<Vec<u8>> {
        let whole = self.encode(self.arguments, self.fields)?;
        if whole.len() <= MAX_BODY {
            return Ok(whole);
        }
        let without_arguments = self.encode(None, self.fields)?;
        if without_arguments.len() <= MAX_BODY {
            return Ok(without_arguments);
        }
        self.encode(None, None)
    }

    fn encode(
        &self,
        arguments: Option<&Value>,
        fields: Option<&Map<String, Value>>,
    ) -> Result<Vec<u8>> {
        let omitted = (self.arguments.is_some() && arguments.is_none())
            || (self.fields.is_some() && fields.is_none());
        encode(&CallLine {
            event: "call",
            time: now(),
            principal: self.principal,
            client: self.client.map(|(name, version)| Client { name, version }),
            method: clip(self.method, 128),
            target: self.target,
            arguments_sha256: self.arguments_hash,
            arguments,
            fields,
            omitted: omitted.then_some(true),
            outcome: self.outcome,
            duration_ms: milliseconds(self.duration),
            request_id: self.request_id.as_str(),
            trace_id: self.trace_id.to_string(),
            credential: self.credential.map(|fingerprint| clip(fingerprint, 128)),
            address: self.address,
        })
    }
}

#[derive(Serialize)]
struct CallLine<'a> {
    event: &'static str,
    time: String,
    principal: Principal<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Client<'a>>,
    method: &'a str,
    #[serde(flatten)]
    target: Option<Target<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments_sha256: Option<ArgumentsHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<bool>,
    outcome: &'static str,
    duration_ms: f64,
    request_id: &'a str,
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
}

#[derive(Serialize)]
struct Client<'a> {
    #[serde(serialize_with = "clip_128")]
    name: &'a str,
    #[serde(serialize_with = "clip_128")]
    version: &'a str,
}

/// A request that was turned away before it became a call.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// Why: `invalid_token`, `insufficient_scope`, `rate_limit_exceeded`.
    pub reason: &'static str,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The fingerprint of what was presented, never the credential.
    pub credential: Option<&'a str>,
    /// The id that log and answer share.
    pub request_id: &'a RequestId,
}

impl Refusal<'_> {
    pub(super) fn body(&self) -> Result<Vec<u8>> {
        #[derive(Serialize)]
        struct RefusedLine<'a> {
            event: &'static str,
            time: String,
            reason: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            address: Option<IpAddr>,
            #[serde(skip_serializing_if = "Option::is_none")]
            credential: Option<&'a str>,
            request_id: &'a str,
        }
        encode(&RefusedLine {
            event: "refused",
            time: now(),
            reason: self.reason,
            address: self.address,
            credential: self.credential.map(|fingerprint| clip(fingerprint, 128)),
            request_id: self.request_id.as_str(),
        })
    }
}

/// A line about the log itself.
#[derive(Serialize)]
pub(super) struct Notice<'a> {
    event: &'static str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    torn_sha256: Option<&'a str>,
}

impl<'a> Notice<'a> {
    fn new(event: &'static str) -> Self {
        Self { event, time: now(), count: None, torn_sha256: None }
    }

    pub(super) fn opened() -> Self {
        Self::new("opened")
    }

    pub(super) fn closed() -> Self {
        Self::new("closed")
    }

    /// `torn` is the hash of bytes that a crash or a full disk left behind.
    pub(super) fn recovered(torn: Option<&'a str>) -> Self {
        Self { torn_sha256: torn, ..Self::new("recovered") }
    }

    /// So many refusals were not written one by one.
    pub(super) fn suppressed(count: u64) -> Self {
        Self { count: Some(count), ..Self::new("refusals_suppressed") }
    }

    pub(super) fn body(&self) -> Result<Vec<u8>> {
        encode(self)
    }
}

fn encode(line: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(line).map_err(Error::internal)
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn clip_128<S: Serializer>(text: &&str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(clip(text, 128))
}

fn clip_256<S: Serializer>(text: &&str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(clip(text, 256))
}
