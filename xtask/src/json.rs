//! Looking into JSON whose shape is known: what is missing is null, empty or nothing.

use serde_json::Value;

static NULL: Value = Value::Null;

/// Parts of a value by their key.
pub(crate) trait Parts {
    /// What stands under `key`, or null.
    fn part(&self, key: &str) -> &Value;

    /// The text there, or none.
    fn text(&self, key: &str) -> &str {
        self.part(key).as_str().unwrap_or_default()
    }

    /// The items of the list there.
    fn list<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a Value> {
        self.part(key).as_array().into_iter().flatten()
    }

    /// The texts of the list there.
    fn texts<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        self.list(key).filter_map(Value::as_str)
    }

    /// The members of the object there.
    fn members<'a>(&'a self, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.part(key).as_object().into_iter().flatten()
    }
}

impl Parts for Value {
    fn part(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&NULL)
    }
}
