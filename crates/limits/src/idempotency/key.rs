//! What makes two writes the same write.

use std::{collections::BTreeMap, fmt};

use mcp_errors::{Error, Result};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The argument of every write tool that carries the caller's key.
pub const IDEMPOTENCY_KEY: &str = "idempotency_key";

/// One write of one principal by one tool, under the key that the caller chose.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WriteKey(Box<str>);

impl WriteKey {
    /// The longest key that a caller may choose, in characters.
    pub const MAX_LENGTH: usize = 200;

    /// The key of a write. `principal` is the principal's own key, the same on every replica.
    ///
    /// # Errors
    /// [`mcp_errors::ErrorKind::InvalidInput`] unless `key` is 1 to 200 visible ASCII characters.
    pub fn new(principal: &str, tool: &str, key: &str) -> Result<Self> {
        if key.is_empty()
            || key.len() > Self::MAX_LENGTH
            || !key.bytes().all(|it| it.is_ascii_graphic())
        {
            let problem = format!("must be 1 to {} visible ASCII characters", Self::MAX_LENGTH);
            return Err(Error::invalid(IDEMPOTENCY_KEY, problem));
        }
        let mut hash = Sha256::new();
        for part in [principal, tool, key] {
            // Without the length, ("a", "bc") and ("ab", "c") would be the same write.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Ok(Self(hex::encode(hash.finalize()).into()))
    }

    /// 64 hexadecimal digits that tell nothing of what they were made of.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WriteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteKey({})", self.0)
    }
}

/// What a write was asked to do, apart from its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentsHash(Box<str>);

impl ArgumentsHash {
    /// The hash of a call's arguments, whatever the order of their keys; [`IDEMPOTENCY_KEY`] left out.
    ///
    /// # Errors
    /// None that JSON arguments could cause.
    pub fn of(arguments: &Map<String, Value>) -> Result<Self> {
        let arguments: BTreeMap<_, _> = arguments
            .iter()
            .filter(|(name, _)| *name != IDEMPOTENCY_KEY)
            .map(|(name, value)| (name, Canonical(value)))
            .collect();
        let text = serde_json::to_vec(&arguments).map_err(Error::internal)?;
        Ok(Self(hex::encode(Sha256::digest(text)).into()))
    }

    /// The hash that a store has kept as text, to be compared with that of a call.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A value whose objects are written in the order of their keys, even where `serde_json` was built to
/// preserve the order of the text.
struct Canonical<'a>(&'a Value);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> =
                    members.iter().map(|(name, value)| (name, Canonical(value))).collect();
                sorted.serialize(serializer)
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Canonical)),
            scalar => scalar.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hash(arguments: &str) -> ArgumentsHash {
        ArgumentsHash::of(&serde_json::from_str(arguments).unwrap()).unwrap()
    }

    #[test]
    fn a_write_is_its_principal_its_tool_and_its_key() {
        let key = |principal, tool, key| WriteKey::new(principal, tool, key).unwrap();
        assert_eq!(key("ann", "close", "k1"), key("ann", "close", "k1"));
        for other in [
            key("bob", "close", "k1"),
            key("ann", "create", "k1"),
            key("ann", "close", "k2"),
            key("annc", "lose", "k1"),
            key("ann", "closek", "1"),
        ] {
            assert_ne!(other, key("ann", "close", "k1"));
        }
        assert_eq!(key("ann", "close", "k1").as_str().len(), 64);
    }

    #[test]
    fn a_key_of_the_caller_is_short_visible_ascii() {
        for good in ["k", "0c5f3c1e-8d7f-4a55-b5c3-2f4f0b7f9a11", &"~".repeat(200)] {
            assert!(WriteKey::new("ann", "close", good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a\n", "schlüssel", "a\0", "\u{7f}", &"k".repeat(201)] {
            let error = WriteKey::new("ann", "close", bad).unwrap_err();
            assert_eq!(
                error.message(),
                "`idempotency_key` must be 1 to 200 visible ASCII characters"
            );
            assert_eq!(error.kind().code(), "invalid_input");
        }
    }

    #[test]
    fn arguments_are_the_same_in_any_order_and_without_their_key() {
        assert_eq!(
            hash(r#"{"id":"T-1","labels":[{"a":1,"b":2}],"idempotency_key":"k"}"#),
            hash(r#"{"labels":[{"b":2,"a":1}],"id":"T-1"}"#)
        );
        for other in [
            r#"{"id":"T-2","labels":[{"a":1,"b":2}]}"#,
            r#"{"id":"T-1","labels":[{"a":1},{"b":2}]}"#,
            r#"{"id":"T-1","labels":[{"a":1,"b":2,"idempotency_key":"k"}]}"#,
        ] {
            assert_ne!(hash(other), hash(r#"{"id":"T-1","labels":[{"a":1,"b":2}]}"#), "{other}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_canonical_text() {
        let arguments = json!({ "b": [true, null], "a": { "d": "ü\n", "c": 1.5 } });
        let text = r#"{"a":{"c":1.5,"d":"ü\n"},"b":[true,null]}"#;
        let stored = ArgumentsHash::from_stored(&hex::encode(Sha256::digest(text)));
        assert_eq!(ArgumentsHash::of(arguments.as_object().unwrap()).unwrap(), stored);
    }
}
