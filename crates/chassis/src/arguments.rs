//! From a JSON object to a checked value: every refusal names the field and what would be accepted.
//!
//! serde's and validator's own messages repeat the rejected value, which may be a secret or an attack, so
//! they are told anew here.

use std::borrow::Cow;

use mcp_errors::{Error, ErrorKind, FieldFault, Result};
use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

/// Deserializes and validates one call's arguments.
pub(crate) fn parse<T: DeserializeOwned + Validate>(arguments: JsonObject) -> Result<T> {
    let value: T = serde_path_to_error::deserialize(Value::Object(arguments))
        .map_err(|error| invalid(vec![type_fault(&error)]))?;
    value.validate().map_err(|errors| {
        let mut faults = Vec::new();
        range_faults(&errors, "", &mut faults);
        invalid(faults)
    })?;
    Ok(value)
}

fn invalid(mut fields: Vec<FieldFault>) -> Error {
    fields.sort_by(|left, right| left.field.cmp(&right.field));
    let sentences: Vec<_> =
        fields.iter().map(|fault| format!("`{}` {}", fault.field, fault.problem)).collect();
    Error::new(ErrorKind::InvalidInput { fields }, sentences.join("; "))
}

fn type_fault(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldFault {
    let path = error.path().to_string();
    let message = error.inner().to_string();
    let quoted = message.split('`').nth(1).unwrap_or_default();
    if message.starts_with("missing field") {
        return FieldFault::new(join(&path, quoted), "is required");
    }
    let (_, expected) = message.split_once(", expected ").unwrap_or(("", ""));
    if message.starts_with("unknown field") {
        // serde_path_to_error already ends the path with the unknown field.
        let field = if path.ends_with(quoted) { path } else { join(&path, quoted) };
        let known = if expected.is_empty() { "there are none" } else { expected };
        return FieldFault::new(field, format!("is not an argument here; known: {known}"));
    }
    if message.starts_with("unknown variant") {
        return FieldFault::new(path, format!("must be {expected}"));
    }
    let found = found(&message);
    match (found, expected) {
        (Some(found), expected) if !expected.is_empty() => {
            FieldFault::new(path, format!("must be {expected}, not {found}"))
        }
        // The text of a type's own check: it says what would be accepted.
        _ => FieldFault::new(path, message),
    }
}

/// What was found instead, without its value: `invalid type: string "x", expected u32` has `a string`.
fn found(message: &str) -> Option<Cow<'static, str>> {
    let rest = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .or_else(|| message.strip_prefix("invalid length "))?;
    let kind = rest.split([' ', ',', '`']).next()?;
    Some(match kind {
        "null" => "null".into(),
        "map" => "an object".into(),
        "sequence" => "an array".into(),
        "integer" => "this integer".into(),
        "floating" => "this number".into(),
        "boolean" => "a boolean".into(),
        "string" => "this string".into(),
        _ => "this".into(),
    })
}

fn range_faults(errors: &ValidationErrors, path: &str, faults: &mut Vec<FieldFault>) {
    for (field, kind) in errors.errors() {
        let path = join(path, field);
        match kind {
            ValidationErrorsKind::Field(errors) => {
                faults.extend(
                    errors.iter().map(|error| FieldFault::new(path.as_str(), problem(error))),
                );
            }
            ValidationErrorsKind::Struct(inner) => range_faults(inner, &path, faults),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    range_faults(inner, &format!("{path}[{index}]"), faults);
                }
            }
        }
    }
}

fn problem(error: &ValidationError) -> String {
    if let Some(message) = &error.message {
        return message.to_string();
    }
    let bound = |name: &str| error.params.get(name).map(ToString::to_string);
    let unit = if error.code == "length" { " long" } else { "" };
    match (bound("equal"), bound("min"), bound("max")) {
        (Some(equal), ..) => format!("must be exactly {equal}{unit}"),
        (_, Some(min), Some(max)) => format!("must be {min} to {max}{unit}"),
        (_, Some(min), None) => format!("must be at least {min}{unit}"),
        (_, None, Some(max)) => format!("must be at most {max}{unit}"),
        _ => format!("fails the check `{}`", error.code),
    }
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() || path == "." { field.to_owned() } else { format!("{path}.{field}") }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};
    use validator::Validate;

    use super::parse;

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Search {
        #[validate(length(min = 1, max = 5))]
        query: String,
        #[validate(range(min = 1, max = 50))]
        limit: Option<u32>,
        #[expect(dead_code, reason = "only parsed")]
        order: Option<Order>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Newest,
        Oldest,
    }

    fn refusal(arguments: Value) -> String {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        parse::<Search>(arguments).unwrap_err().to_string()
    }

    #[test]
    fn each_fault_names_the_field_and_what_would_be_accepted() {
        assert_eq!(refusal(json!({})), "`query` is required");
        assert_eq!(
            refusal(json!({ "query": "a", "limt": 3 })),
            "`limt` is not an argument here; known: one of `query`, `limit`, `order`"
        );
        assert_eq!(refusal(json!({ "query": 7 })), "`query` must be a string, not this integer");
        assert_eq!(
            refusal(json!({ "query": "a", "order": "random" })),
            "`order` must be `newest` or `oldest`"
        );
        assert_eq!(
            refusal(json!({ "query": "", "limit": 51 })),
            "`limit` must be 1 to 50; `query` must be 1 to 5 long"
        );
    }

    #[test]
    fn a_refusal_never_repeats_the_value() {
        for secret in [json!({ "query": "a", "limit": "hunter2" }), json!({ "query": "hunter2!" })]
        {
            assert!(!refusal(secret).contains("hunter2"));
        }
    }
}
