//! Walks over the strings of a JSON value without recursion, so that depth costs no stack.

use serde_json::{Map, Value};

/// Replaces every string and every object key for which `clean` has something better.
pub(crate) fn clean(value: &mut Value, mut clean: impl FnMut(&str) -> Option<String>) {
    walk(value, &mut clean, clean_keys);
}

/// Replaces every string for which `replace` has something better; keys stay.
pub(crate) fn replace_strings(value: &mut Value, mut replace: impl FnMut(&str) -> Option<String>) {
    walk(value, &mut replace, |_, _| {});
}

fn walk<F: FnMut(&str) -> Option<String>>(
    value: &mut Value,
    replace: &mut F,
    visit_keys: fn(&mut Map<String, Value>, &mut F),
) {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => {
                if let Some(replaced) = replace(text) {
                    *text = replaced;
                }
            }
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => {
                visit_keys(fields, replace);
                waiting.extend(fields.values_mut());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn clean_keys<F: FnMut(&str) -> Option<String>>(fields: &mut Map<String, Value>, clean: &mut F) {
    let renamed: Vec<(String, String)> =
        fields.keys().filter_map(|key| Some((key.clone(), clean(key)?))).collect();
    // Numbers are never tried twice, so that a thousand keys that become equal stay cheap.
    let mut number = 2_u64;
    for (key, cleaned) in renamed {
        let Some(value) = fields.remove(&key) else { continue };
        let mut free = cleaned.clone();
        while fields.contains_key(&free) {
            free = format!("{cleaned}~{number}");
            number += 1;
        }
        fields.insert(free, value);
    }
}

/// Calls `visit` with every string value, keys not included.
pub(crate) fn visit_strings<'v>(value: &'v Value, mut visit: impl FnMut(&'v str)) {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => visit(text),
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => waiting.extend(fields.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
