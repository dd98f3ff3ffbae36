//! The effective configuration, for a person and as a JSON Schema.

use serde_json::{Map, Value, json};

use super::{Described, Reader};

/// What a secret is shown as.
const MASK: &str = "********";

/// The table of what is tightened for one tool.
const TOOLS: &str = "tools";

/// One line a setting: the file's key, its value, where that came from.
pub(crate) fn show(settings: &[Described]) -> String {
    let width = settings.iter().map(|setting| setting.variable.len()).max().unwrap_or_default();
    let line = |setting: &Described| {
        let value = match (&setting.value, setting.secret) {
            (Some(_), true) => MASK,
            (Some(value), false) => value,
            (None, _) => "-",
        };
        format!("{:width$}  {value}  ({})\n", setting.variable, setting.origin)
    };
    settings.iter().map(line).collect::<Vec<_>>().concat()
}

/// A JSON Schema (2020-12) of the configuration file; the settings after the first `shared` are the server's own.
pub(crate) fn schema(reader: &Reader<'_>, shared: usize, title: &str) -> Value {
    let mut root = Map::new();
    for (place, setting) in reader.settings.iter().enumerate() {
        let mut path: Vec<&str> = setting.key.split('.').collect();
        let Some(mut name) = path.pop() else { continue };
        if setting.key == TOOLS {
            // `[tools.NAME]` has that key, so the list stands under the variable's own name.
            name = "mcp_tools";
        }
        let mut properties = &mut root;
        for table in path {
            let table = properties.entry(table).or_insert_with(
                || json!({ "type": "object", "additionalProperties": false, "properties": {} }),
            );
            let Some(Value::Object(inner)) = table.get_mut("properties") else {
                return Value::Null;
            };
            properties = inner;
        }
        properties.insert(name.to_owned(), property(setting, place >= shared));
        if setting.secret {
            let description = format!("The path of a file that holds {}", setting.variable);
            // A setting of that name says itself what it is.
            properties
                .entry(format!("{name}_file"))
                .or_insert_with(|| json!({ "type": "string", "description": description }));
        }
    }
    if !reader.upstreams.is_empty() {
        let entries = reader.upstreams.iter().map(|&name| (name.to_owned(), upstream_entry()));
        let entries: Map<_, _> = entries.collect();
        let table =
            json!({ "type": "object", "additionalProperties": false, "properties": entries });
        root.insert("upstream".to_owned(), table);
    }
    for &name in reader.tables.keys().filter(|name| !name.contains('.')) {
        // What an entry holds, the server checks when it reads it.
        let entries = json!({ "type": "object", "additionalProperties": { "type": "object" } });
        root.entry(name).or_insert(entries);
    }
    root.insert(TOOLS.to_owned(), tools_table());
    let auth = root.get_mut("auth").and_then(|auth| auth.get_mut("properties"));
    if let Some(Value::Object(auth)) = auth {
        let map =
            "What the issuer's names for scopes mean here; a name that is not listed means itself";
        auth.insert("scope_map".to_owned(), scope_table(map));
        let certificates = "What the owner of a client certificate may do, by a name that the certificate proves: a \
                            URI, a DNS name, or `CN=` with the common name";
        auth.insert("certificates".to_owned(), scope_table(certificates));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "additionalProperties": false,
        "properties": root,
    })
}

/// Deployment files are made from these, so they tell secrets from plain settings, and whose a setting is.
fn property(setting: &Described, is_own: bool) -> Value {
    let mut property = json!({
        "type": ["string", "integer", "boolean", "array"],
        "description": setting.meaning,
        "writeOnly": setting.secret,
        "x-variable": setting.variable,
        "x-own": is_own,
    });
    if let (Some(default), Value::Object(property)) = (&setting.default, &mut property) {
        property.insert("default".to_owned(), json!(default));
    }
    property
}

fn upstream_entry() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "max_concurrency": { "type": "integer", "minimum": 1, "description": "requests at once" },
            "min_interval": { "type": "string", "description": "between two requests, like `100ms`" },
            "attempts": { "type": "integer", "minimum": 1, "description": "for one call" },
        },
    })
}

fn scope_table(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "additionalProperties": {
            "type": ["string", "array"],
            "items": { "type": "string" },
            "description": "scopes: a list, or one text with spaces",
        },
    })
}

fn tools_table() -> Value {
    json!({
        "type": "object",
        "description": "Per tool: tightens the policy of the tool's type, never loosens it",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "rate_limit": { "type": "string", "description": "like `10/1m`" },
                "deadline": { "type": "string", "description": "like `5s`" },
                "max_concurrency": { "type": "integer", "minimum": 1 },
                "output_budget": { "type": "integer", "minimum": 1, "description": "tokens" },
            },
        },
    })
}
