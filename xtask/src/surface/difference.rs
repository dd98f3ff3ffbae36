//! What separates two surfaces, and what each difference means for those who use the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::lock::{Item, Lock};
use super::schema::{self, Direction};
use crate::json::Parts;

/// What a difference means, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// What worked for a client may fail or mean something else.
    Breaking,
    /// Who may call it, how often, how long, or what it does to the world.
    Policy,
    /// More is possible, and everything that was is still.
    Widening,
    /// Only people and models read it.
    Wording,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Change {
    pub(crate) class: Class,
    pub(crate) place: String,
    pub(crate) what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            Class::Breaking => "BREAKING",
            Class::Policy => "policy",
            Class::Widening => "widening",
            Class::Wording => "wording",
        };
        write!(f, "{class:<9} {}: {}", self.place, self.what)
    }
}

/// Gathers differences under the place where they are found.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    place: String,
    found: &'a mut Vec<Change>,
}

impl Changes<'_> {
    pub(super) fn add(&mut self, class: Class, what: impl Into<String>) {
        let (place, what) = (self.place.clone(), what.into());
        self.found.push(Change { class, place, what });
    }

    /// The same for something within.
    pub(super) fn within(&mut self, part: &str) -> Changes<'_> {
        Changes { place: format!("{}.{part}", self.place), found: self.found }
    }
}

/// Every difference from `before` to `now`, the gravest first.
pub(crate) fn between(before: &Lock, now: &Lock) -> Vec<Change> {
    let mut found = Vec::new();
    let mut server = Changes { place: now.server.clone(), found: &mut found };
    for (what, before, now) in [
        ("title", &before.title, &now.title),
        ("instructions", &before.instructions, &now.instructions),
    ] {
        if before != now {
            server.add(Class::Wording, format!("the {what} changed"));
        }
    }
    for class in union(&before.rate_limits, &now.rate_limits) {
        let of =
            |lock: &Lock| lock.rate_limits.get(class).map_or("none", String::as_str).to_owned();
        let (before, now) = (of(before), of(now));
        if before != now {
            server.add(Class::Policy, format!("rate limit `{class}`: {before} → {now}"));
        }
    }
    for (kind, before, now, definitions) in [
        ("tool", &before.tools, &now.tools, tool as Compare),
        ("prompt", &before.prompts, &now.prompts, prompt),
        ("resource", &before.resources, &now.resources, resource),
    ] {
        for name in union(before, now) {
            let mut changes = Changes { place: format!("{kind} {name}"), found: &mut found };
            match (before.get(name), now.get(name)) {
                (Some(_), None) => changes.add(Class::Breaking, "is gone"),
                (None, Some(_)) => changes.add(Class::Widening, "is new"),
                (Some(before), Some(now)) => {
                    policy(before, now, &mut changes);
                    definitions(&before.definition, &now.definition, &mut changes);
                }
                (None, None) => {}
            }
        }
    }
    found.sort();
    found
}

type Compare = fn(&Value, &Value, &mut Changes<'_>);

fn policy(before: &Item, now: &Item, changes: &mut Changes<'_>) {
    each_field(&before.policy, &now.policy, |name, before, now| {
        changes.add(Class::Policy, format!("{name}: {before} → {now}"));
    });
}

fn tool(before: &Value, now: &Value, changes: &mut Changes<'_>) {
    each_field(before, now, |name, before, now| match name {
        "inputSchema" => {
            schema::compare(before, now, Direction::Input, &mut changes.within("input"));
        }
        "outputSchema" => match (before.is_null(), now.is_null()) {
            (true, _) => changes.add(Class::Widening, "has an output schema now"),
            (_, true) => changes.add(Class::Breaking, "has no output schema any more"),
            _ => schema::compare(before, now, Direction::Output, &mut changes.within("output")),
        },
        "annotations" => each_field(before, now, |hint, before, now| {
            let class = if hint == "title" { Class::Wording } else { Class::Policy };
            changes.add(class, format!("{hint}: {before} → {now}"));
        }),
        "description" if own_words(before) == own_words(now) => {}
        "title" | "description" | "icons" | "_meta" => reworded(name, changes),
        _ => changes.add(Class::Policy, format!("{name}: {before} → {now}")),
    });
}

/// A description without the limits that end it: those are told as a change of policy.
fn own_words(description: &Value) -> Option<&str> {
    description.as_str()?.split("\n\nLimits: ").next()
}

fn prompt(before: &Value, now: &Value, changes: &mut Changes<'_>) {
    each_field(before, now, |name, before, now| match name {
        "arguments" => arguments(before, now, changes),
        "title" | "description" | "icons" | "_meta" => reworded(name, changes),
        _ => changes.add(Class::Breaking, format!("{name}: {before} → {now}")),
    });
}

fn arguments(before: &Value, now: &Value, changes: &mut Changes<'_>) {
    let (before, now) = (by_name(before), by_name(now));
    for name in union(&before, &now) {
        let mut changes = changes.within(name);
        let needed = |it: &Value| it.part("required").as_bool().unwrap_or_default();
        match (before.get(name), now.get(name)) {
            (Some(_), None) => changes.add(Class::Breaking, "is gone"),
            (None, Some(now)) if needed(now) => changes.add(Class::Breaking, "is new and required"),
            (None, Some(_)) => changes.add(Class::Widening, "is new"),
            (Some(before), Some(now)) => each_field(before, now, |field, _, now| match field {
                "required" if now == &Value::Bool(true) => {
                    changes.add(Class::Breaking, "is required now");
                }
                "required" => changes.add(Class::Widening, "may be left out now"),
                _ => reworded(field, &mut changes),
            }),
            (None, None) => {}
        }
    }
}

fn by_name<'a>(arguments: &'a Value) -> BTreeMap<String, &'a Value> {
    let named = |it: &'a Value| Some((it.part("name").as_str()?.to_owned(), it));
    arguments.as_array().into_iter().flatten().filter_map(named).collect()
}

fn resource(before: &Value, now: &Value, changes: &mut Changes<'_>) {
    each_field(before, now, |name, before, now| match name {
        "title" | "description" | "icons" | "_meta" => reworded(name, changes),
        _ => changes.add(Class::Breaking, format!("{name}: {before} → {now}")),
    });
}

fn reworded(what: &str, changes: &mut Changes<'_>) {
    changes.add(Class::Wording, format!("the {what} changed"));
}

/// Tells every field that differs; one that is missing is null.
pub(super) fn each_field(before: &Value, now: &Value, mut tell: impl FnMut(&str, &Value, &Value)) {
    let none = Map::new();
    let (before, now) = (before.as_object().unwrap_or(&none), now.as_object().unwrap_or(&none));
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    for name in names {
        let of = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
        let (before, now) = (of(before), of(now));
        if before != now {
            tell(name, &before, &now);
        }
    }
}

fn union<'a, V>(
    before: &'a BTreeMap<String, V>,
    now: &'a BTreeMap<String, V>,
) -> BTreeSet<&'a str> {
    before.keys().chain(now.keys()).map(String::as_str).collect()
}
