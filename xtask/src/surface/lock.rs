//! The reviewed lock file of a server: what it offers, under which policies, at which cost, with digests to pin.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use aws_lc_rs::digest::{SHA256, digest as hash};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tokens::{self, TOKENIZER};
use crate::json::Parts;
use crate::workspace;

/// What a server offers, as it prints it.
#[derive(Debug, Deserialize)]
pub(super) struct Offer {
    server: String,
    version: String,
    title: String,
    instructions: String,
    rate_limits: BTreeMap<String, String>,
    tools: Vec<Entry>,
    prompts: Vec<Entry>,
    resources: Vec<Entry>,
    resource_templates: Vec<Entry>,
}

/// An operation: its definition as the protocol's lists have it, and the policy behind it.
#[derive(Debug, Deserialize)]
struct Entry {
    definition: Value,
    policy: Value,
}

/// A surface as it is reviewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lock {
    pub(crate) server: String,
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) instructions: String,
    /// SHA-256 over the instructions and the digests of all items.
    pub(crate) digest: String,
    pub(crate) tokenizer: String,
    /// What all tools together cost a model that is offered them.
    pub(crate) tokens: usize,
    /// What they may cost: it falls with `tokens`, and rises only where somebody says so.
    pub(crate) token_ceiling: usize,
    pub(crate) rate_limits: BTreeMap<String, String>,
    pub(crate) tools: BTreeMap<String, Item>,
    pub(crate) prompts: BTreeMap<String, Item>,
    /// Addresses and templates.
    pub(crate) resources: BTreeMap<String, Item>,
}

/// One tool, prompt or resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// SHA-256 over the definition in canonical form (RFC 8785).
    pub(crate) digest: String,
    /// What a model that is offered it reads.
    pub(crate) tokens: usize,
    pub(crate) definition: Value,
    pub(crate) policy: Value,
}

impl Lock {
    /// What the server offers now, with the ceiling of `reviewed`.
    pub(super) fn of(offer: Offer, reviewed: Option<&Self>) -> Result<Self> {
        let tools = items(
            offer.tools,
            "name",
            |it| json!({ "name": it.part("name"), "description": it.part("description"), "input_schema": it.part("inputSchema") }),
        )?;
        let prompts = items(
            offer.prompts,
            "name",
            |it| json!({ "name": it.part("name"), "description": it.part("description"), "arguments": it.part("arguments") }),
        )?;
        let read = |key: &'static str| move |it: &Value| json!({ "uri": it.part(key), "name": it.part("name"), "description": it.part("description") });
        let mut resources = items(offer.resources, "uri", read("uri"))?;
        resources.extend(items(offer.resource_templates, "uriTemplate", read("uriTemplate"))?);
        let digests = |items: &BTreeMap<String, Item>| -> BTreeMap<String, String> {
            items.iter().map(|(name, item)| (name.clone(), item.digest.clone())).collect()
        };
        let digest = digest(&json!({
            "instructions": offer.instructions,
            "tools": digests(&tools),
            "prompts": digests(&prompts),
            "resources": digests(&resources),
        }))?;
        let tokens = tools.values().map(|item| item.tokens).sum();
        Ok(Self {
            server: offer.server,
            version: offer.version,
            title: offer.title,
            instructions: offer.instructions,
            digest,
            tokenizer: TOKENIZER.to_owned(),
            tokens,
            token_ceiling: reviewed.map_or(tokens, |reviewed| reviewed.token_ceiling),
            rate_limits: offer.rate_limits,
            tools,
            prompts,
            resources,
        })
    }

    /// The reviewed one of a server, where it has any.
    pub(crate) fn read(server: &str) -> Result<Option<Self>> {
        let path = path(server);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).with_context(|| path.display().to_string()).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        Ok(serde_json::from_str(text)?)
    }

    pub(super) fn write(&self) -> Result<()> {
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        let path = path(&self.server);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

/// The lock file's name in a server's folder and in its release.
pub(crate) const LOCK: &str = "surface.lock.json";

/// Where the lock file of a server stands, relative to the root.
pub(crate) fn place(server: &str) -> String {
    format!("servers/{server}/{LOCK}")
}

fn path(server: &str) -> PathBuf {
    workspace::root().join(place(server))
}

fn items(
    entries: Vec<Entry>,
    key: &str,
    read_by_a_model: impl Fn(&Value) -> Value,
) -> Result<BTreeMap<String, Item>> {
    let item = |Entry { definition, policy }: Entry| {
        let name = definition.part(key).as_str().with_context(|| format!("no `{key}`"))?.to_owned();
        let tokens = tokens::count(&canonical(&read_by_a_model(&definition))?);
        Ok((name, Item { digest: digest(&definition)?, tokens, definition, policy }))
    };
    entries.into_iter().map(item).collect()
}

/// What a client computes from an item of a list: SHA-256 over its canonical form.
pub(super) fn digest(value: &Value) -> Result<String> {
    Ok(format!("sha256:{}", hex::encode(hash(&SHA256, canonical(value)?.as_bytes()))))
}

fn canonical(value: &Value) -> Result<String> {
    serde_json_canonicalizer::to_string(value).context("a value without a canonical form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_does_not_depend_on_order_or_spelling() {
        let one: Value =
            serde_json::from_str(r#"{"b": 1.0, "a": "\u00e9", "\ufb33": 2, "\ud83d\ude00": 3}"#)
                .unwrap();
        let two: Value =
            serde_json::from_str(r#"{"\ud83d\ude00":3,"\ufb33":2,"a":"é","b":1}"#).unwrap();
        // By UTF-16 code units the astral name comes before U+FB33 (RFC 8785 section 3.2.3).
        assert_eq!(canonical(&one).unwrap(), "{\"a\":\"é\",\"b\":1,\"😀\":3,\"\u{fb33}\":2}");
        assert_eq!(digest(&one).unwrap(), digest(&two).unwrap());
        // As `printf '{}' | sha256sum` has it.
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(digest(&json!({})).unwrap(), empty);
    }
}
