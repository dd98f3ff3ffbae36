//! Parameters: from JSON to what PostgreSQL takes, by PostgreSQL's own reading of every type.
//!
//! The types are those that PostgreSQL infers for `$1`, `$2`, …. Each value is written as the text that a
//! person would give and converted by the database itself, so that every type it knows, extensions
//! included, can be a parameter and a wrong value has PostgreSQL's own error.

use mcp_chassis::Error;
use serde_json::Value;
use sqlx::{
    Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, types::Oid},
};

/// What the catalogue says of a parameter's type.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct ParameterType {
    /// Its qualified name, quoted.
    pub(super) name: String,
    /// The function that sends it, qualified and quoted.
    pub(super) send: String,
    /// `A` for arrays (`pg_type.typcategory`).
    pub(super) category: String,
    pub(super) is_json: bool,
}

/// A value as PostgreSQL sends it.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) oid: Oid,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Type<Postgres> for Bound {
    fn type_info() -> PgTypeInfo {
        // What `produces` says of each value counts.
        PgTypeInfo::with_name("unknown")
    }
}

impl Encode<'_, Postgres> for Bound {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(bytes) = &self.bytes else { return Ok(IsNull::Yes) };
        buffer.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(self.oid))
    }
}

/// The text of parameter `number` as PostgreSQL reads it; `None` for null.
pub(super) fn text(
    number: usize,
    value: &Value,
    of: &ParameterType,
) -> Result<Option<String>, Error> {
    let refused = |found: &str| {
        let problem = format!("is {found}, but ${number} is of type {}", of.name);
        Err(Error::invalid(format!("params[{}]", number.saturating_sub(1)), problem))
    };
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.contains('\0') => {
            return refused("a text with a NUL character");
        }
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) if of.is_json => value.to_string(),
        Value::Array(items) if of.category == "A" => array(items),
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

    use super::{ParameterType, text};

    fn of(name: &str, category: &str) -> ParameterType {
        ParameterType {
            name: name.into(),
            send: String::new(),
            category: category.into(),
            is_json: name.starts_with("json"),
        }
    }

    #[test]
    fn an_array_keeps_nulls_quotes_and_nesting_apart() {
        let value = json!([1, null, "NULL", "a \"b\" \\c", [true]]);
        let written = text(1, &value, &of("text[]", "A")).unwrap().unwrap();
        assert_eq!(written, r#"{"1",NULL,"NULL","a \"b\" \\c",{"true"}}"#);
    }

    #[test]
    fn a_value_of_the_wrong_shape_names_parameter_and_type() {
        let error = text(2, &json!({ "a": 1 }), &of("date", "D")).unwrap_err();
        assert_eq!(error.message(), "`params[1]` is an object, but $2 is of type date");
        assert_eq!(text(1, &json!({ "a": 1 }), &of("jsonb", "U")).unwrap().unwrap(), r#"{"a":1}"#);
        assert_eq!(text(1, &json!(null), &of("date", "D")).unwrap(), None);
    }
}
