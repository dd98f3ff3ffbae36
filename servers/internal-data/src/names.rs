//! Names as callers give them, checked before anybody is asked: none can leave its place in an address.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Number;

/// The longest name, in characters.
const MAX_NAME: usize = 128;
/// The longest text that a filter compares with, in characters.
const MAX_VALUE: usize = 500;

/// Why a text is no name; never the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $is_part:expr, $expected:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub(crate) struct $name(String);

        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Refused;

            fn try_from(text: String) -> Result<Self, Refused> {
                let is_part: fn(char) -> bool = $is_part;
                // The length in bytes first: a megabyte is not walked.
                let fits = (1..=MAX_NAME).contains(&text.len());
                if fits && text.chars().all(is_part) && text != "." && !text.contains("..") {
                    Ok(Self(text))
                } else {
                    Err(Refused($expected))
                }
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_NAME })
            }
        }
    };
}

name! {
    /// A collection's name.
    CollectionName, is_word, "must be a collection's name: 1 to 128 letters, digits, `_` and `-`"
}

name! {
    /// A field's name.
    FieldName, is_word, "must be a field's name: 1 to 128 letters, digits, `_` and `-`"
}

name! {
    /// A user's id, as the internal API knows it.
    UserId, is_of_an_id, "must be a user's id: 1 to 128 letters, digits and `.`, `_`, `-`, `@`, `+`, `:`, without `..`"
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

fn is_of_an_id(character: char) -> bool {
    is_word(character) || matches!(character, '.' | '@' | '+' | ':')
}

/// What a field is compared with, as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Scalar")]
pub(crate) struct FilterValue(String);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a text, a number, true or false")]
enum Scalar {
    Text(String),
    Number(Number),
    Truth(bool),
}

impl FilterValue {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Scalar> for FilterValue {
    type Error = Refused;

    fn try_from(scalar: Scalar) -> Result<Self, Refused> {
        let text = match scalar {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
            Scalar::Truth(truth) => truth.to_string(),
        };
        // A character takes at most four bytes; so a megabyte is not walked.
        let fits = text.len() <= 4 * MAX_VALUE && text.chars().count() <= MAX_VALUE;
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(Refused("must be at most 500 characters, none of them a control character"))
        }
    }
}

impl JsonSchema for FilterValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FilterValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"], "maxLength": MAX_VALUE })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    const HOSTILE: [&str; 16] = [
        "",
        " ",
        "a b",
        "../a",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a%2fb",
        "a..b",
        "..",
        ".",
        "a\u{0}",
        "a\n",
        "a\u{202e}b",
        "ä",
    ];

    #[test]
    fn names_are_plain_words() {
        for text in ["users", "order_lines", "a-b", "7"] {
            assert_eq!(CollectionName::try_from(text.to_owned()).unwrap().as_str(), text);
        }
        let long = "a".repeat(1_000_000);
        for text in HOSTILE.iter().copied().chain(["a.b", "a@b", &long]) {
            let refused = CollectionName::try_from(text.to_owned()).unwrap_err();
            assert!(refused.to_string().starts_with("must be"), "{text:.20}");
            assert!(FieldName::try_from(text.to_owned()).is_err(), "{text:.20}");
        }
    }

    #[test]
    fn ids_are_those_of_common_systems() {
        for text in ["42", "u-7", "ada@example.com", "auth0:5f7c", "a.b+c", "0190b7f2-8f1e-7cc0"] {
            assert_eq!(UserId::try_from(text.to_owned()).unwrap().as_str(), text);
        }
        for text in HOSTILE {
            assert!(UserId::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_is_any_scalar_of_bounded_length() {
        for (value, text) in [(json!("a/b?c"), "a/b?c"), (json!(7), "7"), (json!(true), "true")] {
            assert_eq!(from_value::<FilterValue>(value).unwrap().as_str(), text);
        }
        let long = json!("a".repeat(1_000_000));
        for value in [json!(["a"]), json!({}), Value::Null, json!("a\u{0}"), json!("\u{7f}"), long]
        {
            assert!(from_value::<FilterValue>(value).is_err());
        }
    }
}
