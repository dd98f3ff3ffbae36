//! What a change of a JSON Schema means for clients: what they send is asked for, what they read is promised.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::difference::{Changes, Class};

/// Who writes what the schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The client: a schema that takes less is breaking.
    Input,
    /// The server: a schema that promises less is breaking.
    Output,
}

/// Whether more values fit than before, or fewer.
#[derive(Debug, Clone, Copy)]
enum Shift {
    Wider,
    Narrower,
}

impl Direction {
    fn class(self, shift: Shift) -> Class {
        match (self, shift) {
            (Self::Input, Shift::Wider) | (Self::Output, Shift::Narrower) => Class::Widening,
            (Self::Input, Shift::Narrower) | (Self::Output, Shift::Wider) => Class::Breaking,
        }
    }
}

/// Tells every difference of two schemas.
pub(super) fn compare(
    before: &Value,
    now: &Value,
    direction: Direction,
    changes: &mut Changes<'_>,
) {
    Comparison { before, now, direction }.of(before, now, 0, changes);
}

/// Deeper than any schema that a person reads; references may lead in a circle.
const MAX_DEPTH: usize = 16;

struct Comparison<'a> {
    /// The documents, which hold what is referred to.
    before: &'a Value,
    now: &'a Value,
    direction: Direction,
}

impl Comparison<'_> {
    fn of(&self, before: &Value, now: &Value, depth: usize, changes: &mut Changes<'_>) {
        if depth > MAX_DEPTH {
            return;
        }
        let (before, now) = (resolved(self.before, before), resolved(self.now, now));
        let (before, now) = (Schema(&before), Schema(&now));
        if let (Some(before), Some(now)) = (before.values(), now.values()) {
            self.sets(&before, &now, "value", changes);
        } else if before.values().is_some() || now.values().is_some() {
            let shift = if now.values().is_some() { Shift::Narrower } else { Shift::Wider };
            changes.add(self.direction.class(shift), "the values that it may have changed");
        }
        if let (Some(before), Some(now)) = (before.types(), now.types()) {
            self.sets(&before, &now, "type", changes);
        }
        for (name, more_is_wider) in BOUNDS {
            self.bound(name, more_is_wider, (before.number(name), now.number(name)), changes);
        }
        self.properties(&before, &now, depth, changes);
        for keyword in ["items", "anyOf", "oneOf", "allOf"] {
            if keyword == "oneOf" && (before.values().is_some() || now.values().is_some()) {
                continue;
            }
            self.parts(keyword, before.get(keyword), now.get(keyword), depth, changes);
        }
        self.others(&before, &now, changes);
    }

    /// Alternatives, of which clients send one and may read any.
    fn sets(
        &self,
        before: &BTreeSet<String>,
        now: &BTreeSet<String>,
        what: &str,
        changes: &mut Changes<'_>,
    ) {
        for gone in before.difference(now) {
            changes
                .add(self.direction.class(Shift::Narrower), format!("no {what} `{gone}` any more"));
        }
        for new in now.difference(before) {
            changes.add(self.direction.class(Shift::Wider), format!("a new {what} `{new}`"));
        }
    }

    fn bound(
        &self,
        name: &str,
        more_is_wider: bool,
        (before, now): (Option<f64>, Option<f64>),
        changes: &mut Changes<'_>,
    ) {
        let shift = match (before, now) {
            (None, Some(_)) => Shift::Narrower,
            (Some(_), None) => Shift::Wider,
            (Some(before), Some(now)) if before < now && more_is_wider => Shift::Wider,
            (Some(before), Some(now)) if before > now && !more_is_wider => Shift::Wider,
            (Some(before), Some(now)) if before.total_cmp(&now).is_ne() => Shift::Narrower,
            _ => return,
        };
        let shown = |it: Option<f64>| it.map_or_else(|| "none".to_owned(), |it| it.to_string());
        let what = format!("{name}: {} → {}", shown(before), shown(now));
        changes.add(self.direction.class(shift), what);
    }

    fn properties(
        &self,
        before: &Schema<'_>,
        now: &Schema<'_>,
        depth: usize,
        changes: &mut Changes<'_>,
    ) {
        let (old, new) = (before.properties(), now.properties());
        let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let (was_needed, is_needed) = (before.required(), now.required());
        for name in names {
            let (was_needed, is_needed) = (was_needed.contains(name), is_needed.contains(name));
            let mut changes = changes.within(name);
            match (old.get(name), new.get(name)) {
                (Some(_), None) => changes.add(Class::Breaking, "is gone"),
                (None, Some(_)) if is_needed && self.direction == Direction::Input => {
                    changes.add(Class::Breaking, "is new and required");
                }
                (None, Some(_)) => changes.add(Class::Widening, "is new"),
                (Some(old), Some(new)) => {
                    if was_needed != is_needed {
                        let (shift, what) = if is_needed {
                            (Shift::Narrower, "is always there now")
                        } else {
                            (Shift::Wider, "may be missing now")
                        };
                        changes.add(self.direction.class(shift), what);
                    }
                    self.of(old, new, depth + 1, &mut changes);
                }
                (None, None) => {}
            }
        }
        let (was_open, is_open) = (before.is_open(), now.is_open());
        if was_open != is_open {
            let shift = if is_open { Shift::Wider } else { Shift::Narrower };
            changes.add(self.direction.class(shift), "additionalProperties changed");
        }
    }

    /// One schema, or several in their order.
    fn parts(
        &self,
        keyword: &str,
        before: Option<&Value>,
        now: Option<&Value>,
        depth: usize,
        changes: &mut Changes<'_>,
    ) {
        let mut changes = changes.within(keyword);
        match (before, now) {
            (Some(Value::Array(before)), Some(Value::Array(now))) if before.len() == now.len() => {
                for (before, now) in before.iter().zip(now) {
                    self.of(before, now, depth + 1, &mut changes);
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(now))) => {
                // `allOf` asks for more with every part, the others allow more.
                let grew = now.len() > before.len();
                let shift =
                    if grew == (keyword != "allOf") { Shift::Wider } else { Shift::Narrower };
                let what = format!("{} alternatives → {}", before.len(), now.len());
                changes.add(self.direction.class(shift), what);
            }
            (Some(before), Some(now)) => self.of(before, now, depth + 1, &mut changes),
            (None, Some(_)) => changes.add(self.direction.class(Shift::Narrower), "is new"),
            (Some(_), None) => changes.add(self.direction.class(Shift::Wider), "is gone"),
            (None, None) => {}
        }
    }

    /// What no other rule looks at.
    fn others(&self, before: &Schema<'_>, now: &Schema<'_>, changes: &mut Changes<'_>) {
        super::difference::each_field(before.0, now.0, |name, before, now| {
            let class = match name {
                "title" | "description" | "examples" | "$comment" => Class::Wording,
                _ if LOOKED_AT.contains(&name) || BOUNDS.iter().any(|(it, _)| *it == name) => {
                    return;
                }
                "pattern" | "format" if before.is_null() => self.direction.class(Shift::Narrower),
                "pattern" | "format" if now.is_null() => self.direction.class(Shift::Wider),
                // Such as `x-mcp-header`: how a call travels, not what it says.
                _ if name.starts_with("x-") => Class::Policy,
                // A default, too: the same call means something else.
                _ => Class::Breaking,
            };
            let shown = class != Class::Wording;
            let what = if shown {
                format!("{name}: {before} → {now}")
            } else {
                format!("the {name} changed")
            };
            changes.add(class, what);
        });
    }
}

/// Keywords that are compared by more than whether they are equal, or that only hold what others refer to.
const LOOKED_AT: [&str; 14] = [
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "definitions",
    "enum",
    "items",
    "oneOf",
    "properties",
    "required",
    "type",
];

/// Bounds, and whether a higher one lets more through.
const BOUNDS: [(&str, bool); 10] = [
    ("maximum", true),
    ("exclusiveMaximum", true),
    ("maxLength", true),
    ("maxItems", true),
    ("maxProperties", true),
    ("minimum", false),
    ("exclusiveMinimum", false),
    ("minLength", false),
    ("minItems", false),
    ("minProperties", false),
];

/// A schema object; `true` and what is none are empty.
struct Schema<'a>(&'a Value);

impl Schema<'_> {
    fn get(&self, keyword: &str) -> Option<&Value> {
        self.0.get(keyword)
    }

    fn number(&self, keyword: &str) -> Option<f64> {
        self.get(keyword)?.as_f64()
    }

    fn properties(&self) -> Map<String, Value> {
        self.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn required(&self) -> BTreeSet<String> {
        let names = self.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn is_open(&self) -> bool {
        self.get("additionalProperties") != Some(&Value::Bool(false))
    }

    /// The only values that fit, where they are listed.
    fn values(&self) -> Option<BTreeSet<String>> {
        if let Some(Value::Array(values)) = self.get("enum") {
            return Some(values.iter().map(Value::to_string).collect());
        }
        if let Some(value) = self.get("const") {
            return Some(BTreeSet::from([value.to_string()]));
        }
        // An enumeration whose values are described one by one.
        let described = self.get("oneOf")?.as_array()?;
        described.iter().map(|it| Some(it.get("const")?.to_string())).collect()
    }

    fn types(&self) -> Option<BTreeSet<String>> {
        match self.get("type")? {
            Value::String(one) => Some(BTreeSet::from([one.clone()])),
            Value::Array(types) => {
                Some(types.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => None,
        }
    }
}

/// What a schema refers to within its document, with what stands beside the reference.
fn resolved(document: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    for _ in 0..MAX_DEPTH {
        let Some(pointer) = schema.get("$ref").and_then(Value::as_str) else { break };
        let target = pointer.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        let Some(Value::Object(target)) = target else { break };
        let mut merged = target.clone();
        if let Value::Object(beside) = &schema {
            let beside = beside.iter().filter(|(name, _)| *name != "$ref");
            merged.extend(beside.map(|(name, value)| (name.clone(), value.clone())));
        }
        schema = Value::Object(merged);
    }
    schema
}
