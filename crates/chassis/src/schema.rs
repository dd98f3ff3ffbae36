//! JSON Schemas as clients need them: one self-contained object each.

use mcp_limits::{IDEMPOTENCY_KEY, WriteKey};
use rmcp::model::JsonObject;
use schemars::{JsonSchema, generate::SchemaSettings, transform::RestrictFormats};
use serde_json::{Value, json};

/// A schema and the doc comment of its type, which stands outside of it in the protocol.
pub(crate) struct Described {
    pub(crate) schema: JsonObject,
    pub(crate) description: String,
}

/// What a client may send.
pub(crate) fn input<T: JsonSchema>() -> Described {
    generate::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// What the server answers, be it a success or a failure.
pub(crate) fn output<T: JsonSchema>() -> Described {
    let Described { schema, description } =
        generate::<T>(SchemaSettings::draft2020_12().for_serialize());
    Described { schema: or_error(schema), description }
}

/// Lets `error` stand in for everything else.
///
/// The official TypeScript client before 2.0 compares the structured content of a failure with the schema too, and hides
/// the failure behind a fault of its own when it does not match.
fn or_error(mut schema: JsonObject) -> JsonObject {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let error = json!({ "type": "object", "description": "Only when the call failed" });
        properties.insert("error".to_owned(), error);
    }
    if let Some(required) = schema.remove("required") {
        let alternatives = json!([{ "required": required }, { "required": ["error"] }]);
        schema.insert("anyOf".to_owned(), alternatives);
    }
    schema
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Described {
    // Inlined, because several clients do not follow `$ref`.
    let settings = settings.with(|it| it.inline_subschemas = true);
    // Clients warn of what JSON Schema does not define (`uint64`), and models pay for it.
    let generator = settings.with_transform(RestrictFormats::default()).into_generator();
    let mut schema = match generator.into_root_schema_for::<T>().to_value() {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    };
    schema.remove("title");
    let description = match schema.remove("description") {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    schema.entry("type").or_insert_with(|| json!("object"));
    schema.entry("properties").or_insert_with(|| json!({}));
    Described { schema, description }
}

/// Adds the idempotency key to the arguments of a write.
pub(crate) fn with_idempotency_key(mut schema: JsonObject) -> JsonObject {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(
            IDEMPOTENCY_KEY.to_owned(),
            json!({
                "type": "string",
                "minLength": 1,
                "maxLength": WriteKey::MAX_LENGTH,
                "description": "Any string of your own that names this one change: a repetition with the same \
                                key and arguments within 24 hours returns the first result and changes nothing",
            }),
        );
    }
    schema
}

/// The keyword that names the header in which clients repeat an argument (2026-07-28, transports).
pub(crate) const IN_HEADER: &str = "x-mcp-header";

/// Whether clients repeat any argument in a header, at whatever depth it is.
pub(crate) fn repeats_arguments(schema: &JsonObject) -> bool {
    schema.iter().any(|(key, value)| key == IN_HEADER || holds_header(value))
}

fn holds_header(value: &Value) -> bool {
    match value {
        Value::Object(fields) => repeats_arguments(fields),
        Value::Array(items) => items.iter().any(holds_header),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Has clients repeat an argument in a header, where it is one that can be.
///
/// An argument that may be left out need not be `null`, and clients take no header of two types.
pub(crate) fn route_by(schema: &mut JsonObject, argument: &str) -> bool {
    let property = schema.get_mut("properties").and_then(|properties| properties.get_mut(argument));
    let Some(Value::Object(property)) = property else { return false };
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            property.insert("type".to_owned(), only);
        }
    }
    let is_plain = property.get("type").is_some_and(|it| it == "string" || it == "integer");
    if is_plain {
        property.insert(IN_HEADER.to_owned(), Value::String(header_name(argument)));
    }
    is_plain
}

/// `job_id` as headers are written: `Job-Id`.
fn header_name(argument: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    argument.split('_').filter_map(capital).collect::<Vec<_>>().join("-")
}

/// Says that a write without its key is refused here.
pub(crate) fn require_idempotency_key(schema: &mut JsonObject) {
    let names = schema.entry("required").or_insert_with(|| json!([]));
    if let Value::Array(names) = names {
        names.push(json!(IDEMPOTENCY_KEY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, JsonSchema)]
    struct Output {
        id: u64,
        note: Option<String>,
    }

    #[derive(serde::Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Input {
        job_id: Option<String>,
        number: u64,
        labels: Vec<String>,
    }

    #[test]
    fn a_plain_argument_is_repeated_in_a_header_and_nothing_else_can_be() {
        let mut schema = input::<Input>().schema;
        assert!(route_by(&mut schema, "job_id") && route_by(&mut schema, "number"));
        let job = &schema["properties"]["job_id"];
        assert_eq!((&job["type"], &job["x-mcp-header"]), (&json!("string"), &json!("Job-Id")));
        assert!(!route_by(&mut schema, "labels") && !route_by(&mut schema, "missing"));
    }

    #[test]
    fn only_formats_of_json_schema_are_told() {
        let schema = output::<Vec<(u64, f64, chrono::DateTime<chrono::Utc>)>>().schema;
        let formats: Vec<_> = schema["items"]["prefixItems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item.get("format").and_then(Value::as_str))
            .collect();
        assert_eq!(formats, [None, None, Some("date-time")]);
    }

    #[test]
    fn an_output_schema_admits_a_success_and_a_failure() {
        let schema = output::<Output>().schema;
        assert_eq!(schema["type"], "object");
        assert!(schema.get("required").is_none(), "{schema:?}");
        let alternatives = json!([{ "required": ["id", "note"] }, { "required": ["error"] }]);
        assert_eq!(schema["anyOf"], alternatives);
        assert_eq!(schema["properties"]["error"]["type"], "object");
    }
}
