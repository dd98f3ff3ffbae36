//! Values that a caller may not see, replaced before anything is kept or told.

use mcp_chassis::JsonObject;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What stands in the place of a value.
const MARKER: &str = "[redacted]";

/// A field whose values were replaced
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Hidden {
    /// Its name
    pub(crate) field: String,
    /// The scope that shows it
    pub(crate) scope: String,
}

/// Replaces the values of hidden fields, at any depth and in any case of letters, and says of which there were some.
pub(crate) fn redact(records: &mut [JsonObject], hidden: &[Hidden]) -> Vec<Hidden> {
    let mut met = vec![false; hidden.len()];
    for record in records {
        cover(record, hidden, &mut met);
    }
    hidden.iter().zip(met).filter(|(_, met)| *met).map(|(hidden, _)| hidden.clone()).collect()
}

fn cover(fields: &mut JsonObject, hidden: &[Hidden], met: &mut [bool]) {
    for (name, value) in fields.iter_mut() {
        let position = hidden.iter().position(|hidden| hidden.field.eq_ignore_ascii_case(name));
        match position.and_then(|position| met.get_mut(position)) {
            Some(met) => {
                *met = true;
                *value = MARKER.into();
            }
            None => descend(value, hidden, met),
        }
    }
}

/// No deeper than the parser of the answer went.
fn descend(value: &mut Value, hidden: &[Hidden], met: &mut [bool]) {
    match value {
        Value::Object(fields) => cover(fields, hidden, met),
        Value::Array(items) => items.iter_mut().for_each(|item| descend(item, hidden, met)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn hidden(names: &[&str]) -> Vec<Hidden> {
        let hidden = |name: &&str| Hidden { field: (*name).into(), scope: "hr:read".into() };
        names.iter().map(hidden).collect()
    }

    #[test]
    fn a_hidden_value_is_replaced_wherever_it_stands() {
        let mut records: Vec<JsonObject> = from_value(json!([
            { "id": 1, "salary": 5, "Salary": [5], "team": [{ "lead": { "SALARY": { "eur": 5 } } }] },
            { "id": 2, "salaryBand": "B" },
        ]))
        .unwrap();
        let told = redact(&mut records, &hidden(&["salary", "phone"]));
        let expected = json!([
            { "id": 1, "salary": MARKER, "Salary": MARKER, "team": [{ "lead": { "SALARY": MARKER } }] },
            { "id": 2, "salaryBand": "B" },
        ]);
        assert_eq!(serde_json::to_value(records).unwrap(), expected);
        assert_eq!(told, hidden(&["salary"]));
    }
}
