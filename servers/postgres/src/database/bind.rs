//! Parameters: from JSON to what PostgreSQL takes, by PostgreSQL's own reading of every type.
//!
//! The types are those that PostgreSQL infers for `$1`, `$2`, …. Each value goes as the text that a person would
//! give, so that every type PostgreSQL knows, extensions included, can be a parameter and a wrong value has
//! PostgreSQL's own error. Only arrays and objects are written in a way that depends on the type.

use mcp_chassis::Error;
use serde_json::Value;

use super::types::TypeName;

/// Whether the types must be known to write the value.
pub(super) fn depends_on_type(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// The texts of all parameters; `types` may be short where nothing depends on them.
pub(super) fn texts(values: &[Value], types: &[TypeName]) -> Result<Vec<Option<String>>, Error> {
    let types = types.iter().map(Some).chain(std::iter::repeat(None));
    (1..).zip(values).zip(types).map(|((number, value), of)| text(number, value, of)).collect()
}

/// The text of parameter `number` as PostgreSQL reads it; `None` for null.
fn text(number: usize, value: &Value, of: Option<&TypeName>) -> Result<Option<String>, Error> {
    let refused = |found: &str| {
        let of = of.map(|of| format!(", but ${number} is of type {}", of.name));
        let problem = format!("is {found}{}", of.unwrap_or_default());
        Err(Error::invalid(format!("params[{}]", number.saturating_sub(1)), problem))
    };
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.contains('\0') => {
            return refused("a text with a NUL character");
        }
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) if of.is_some_and(|of| of.is_json) => value.to_string(),
        Value::Array(items) if of.is_some_and(|of| of.is_array) => array(items),
        Value::Array(_) => return refused("an array"),
        Value::Object(_) => return refused("an object"),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }))
}

/// An array in PostgreSQL's form: `{1,NULL,"a \"b\""}`.
fn array(items: &[Value]) -> String {
    let item = |item: &Value| match item {
        Value::Null => "NULL".to_owned(),
        Value::Array(items) => array(items),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    };
    let items: Vec<_> = items.iter().map(item).collect();
    format!("{{{}}}", items.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{TypeName, texts};

    fn of(name: &str) -> TypeName {
        TypeName {
            name: name.into(),
            is_array: name.ends_with("[]"),
            is_json: name.starts_with("json"),
        }
    }

    #[test]
    fn an_array_keeps_nulls_quotes_and_nesting_apart() {
        let value = json!([1, null, "NULL", "a \"b\" \\c", [true]]);
        let written = texts(&[value], &[of("text[]")]).unwrap();
        assert_eq!(written, [Some(r#"{"1",NULL,"NULL","a \"b\" \\c",{"true"}}"#.to_owned())]);
    }

    #[test]
    fn a_value_of_the_wrong_shape_names_parameter_and_type() {
        let error = texts(&[json!(1), json!({ "a": 1 })], &[of("integer"), of("date")]);
        let error = error.unwrap_err();
        assert_eq!(error.message(), "`params[1]` is an object, but $2 is of type date");
        let texts = texts(&[json!({ "a": 1 }), json!(null), json!(true)], &[of("jsonb")]).unwrap();
        assert_eq!(texts, [Some(r#"{"a":1}"#.to_owned()), None, Some("true".to_owned())]);
    }
}
