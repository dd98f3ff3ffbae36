//! JSON objects from outside, read without the usual leniencies.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::AuthError;

/// An object whose members are all different: two parsers never see two meanings (RFC 8259 §4).
///
/// `serde_json` bounds the depth at 128.
pub(crate) struct UniqueMap(pub(crate) Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UniqueMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<UniqueMap, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is repeated"));
                    }
                }
                Ok(UniqueMap(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A member that must be a string where it is present; `null` is present.
pub(crate) fn text<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, AuthError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// A member that is a string or a list of strings.
pub(crate) fn texts<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<Vec<&'a str>>, AuthError> {
    members.get(name).map(strings).transpose()
}

/// One string or a list of them.
pub(crate) fn strings(value: &Value) -> Result<Vec<&str>, AuthError> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(items) => items.iter().map(|item| item.as_str().ok_or(WRONG_TYPE)).collect(),
        _ => Err(WRONG_TYPE),
    }
}

pub(crate) const WRONG_TYPE: AuthError = AuthError::Invalid { reason: "claim_type" };
