//! A tool whose schema uses more of JSON Schema 2020-12 than types of ours do.

use mcp_chassis::{CallContext, ConfiguredTool, Error, JsonObject, Result, ToolSpec, Unstructured};
use serde_json::{Value, json};

use crate::server::{Conformance, SCOPES, SMALL, text};

/// `json_schema_2020_12_tool`.
#[derive(Debug)]
pub(crate) struct JsonSchema202012;

const NAME: &str = "json_schema_2020_12_tool";

impl ConfiguredTool for JsonSchema202012 {
    type Server = Conformance;
    type Output = Unstructured;

    fn spec(&self) -> ToolSpec {
        const SPEC: ToolSpec = ToolSpec::read(NAME, NAME)
            .scopes(SCOPES)
            .deadline_secs(5)
            .output_budget(SMALL)
            .own_text();
        SPEC
    }

    fn description(&self) -> &'static str {
        "Tool with JSON Schema 2020-12 features"
    }

    fn input_schema(&self) -> JsonObject {
        let address = json!({
            "$anchor": "addressDef",
            "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
        });
        let properties = json!({
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        });
        let either = json!([{ "required": ["phone"] }, { "required": ["email"] }]);
        let by_phone = json!({ "contactMethod": { "const": "phone" } });
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": { "address": address },
            "properties": properties,
            "allOf": [{ "anyOf": either }],
            "if": { "properties": by_phone, "required": ["contactMethod"] },
            "then": { "required": ["phone"] },
            "else": { "required": ["email"] },
            "additionalProperties": false,
        });
        schema.as_object().cloned().unwrap_or_default()
    }

    fn check(&self, arguments: &JsonObject) -> Result<()> {
        const KNOWN: [&str; 5] = ["name", "address", "contactMethod", "phone", "email"];
        match arguments.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            Some(unknown) => Err(Error::invalid(unknown, "is not an argument of this tool")),
            None => Ok(()),
        }
    }

    async fn call(
        &self,
        arguments: JsonObject,
        _server: &Conformance,
        _context: &CallContext,
    ) -> Result<Unstructured> {
        let name = arguments.get("name").and_then(Value::as_str).unwrap_or("world");
        Ok(text(format!("Hello, {name}!")))
    }
}
