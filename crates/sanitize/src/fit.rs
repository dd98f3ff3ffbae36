//! Brings a result within its budget on its structure: whole items go first, then the ends of long strings.

use std::{fmt::Write, mem};

use serde_json::{Map, Value};

use crate::{
    Budget,
    measure::{escaped_char_len, escaped_len, json_len, json_within},
    structure,
};

/// The field that says where the next page begins; an opaque token, never shortened.
const CURSOR: &str = "next_cursor";
const TRUNCATED: &str = "truncated";

/// How a page may be cut.
#[derive(Clone, Debug, Default)]
pub struct PageCut {
    /// The field with the list whose last items may go: `tickets`.
    pub list: &'static str,
    /// The cursor that continues after each item; empty for a list that has no pages.
    pub cursors: Vec<String>,
    /// The field that repeats the length of the list: `row_count`.
    pub count: Option<&'static str>,
}

/// A result within its budget, and what it took.
#[derive(Debug, PartialEq, Eq)]
pub struct Fitted {
    /// The value as compact JSON: what was measured is what is sent.
    pub json: String,
    /// Items dropped from the end of the page.
    pub dropped: usize,
    /// Strings whose end was replaced by a mark.
    pub shortened: usize,
}

/// Brings `value` within `budget`.
///
/// Drops whole items from the end of a page, of which the first always stays, and sets `truncated` and `next_cursor`
/// accordingly. Where that is not enough, or there is no page, shortens the longest strings to
/// `… [N more characters]` and sets `truncated` if the value has that field or is a page. Reads no more than about the
/// budget to find out that a value exceeds it. `None`: it cannot fit, and is not to be sent.
#[must_use = "a result that is too large must not be sent"]
pub fn fit(value: &mut Value, budget: Budget, page: Option<&PageCut>) -> Option<Fitted> {
    let limit = budget.bytes();
    if let Some(json) = json_within(value, limit) {
        return Some(Fitted { json, dropped: 0, shortened: 0 });
    }
    let dropped = match (page, value.as_object_mut()) {
        (Some(page), Some(fields)) => drop_items(fields, limit, page),
        _ => 0,
    };
    if dropped > 0
        && let Some(json) = json_within(value, limit)
    {
        return Some(Fitted { json, dropped, shortened: 0 });
    }
    let shortened = shorten_strings(value, limit, page.is_some())?;
    let json = json_within(value, usize::MAX)?;
    Some(Fitted { json, dropped, shortened })
}

/// Returns how many items were dropped.
fn drop_items(fields: &mut Map<String, Value>, limit: usize, page: &PageCut) -> usize {
    let Some(Value::Array(list)) = fields.get_mut(page.list) else { return 0 };
    let mut items = mem::take(list);
    let total = items.len();
    if total > 1 {
        let kept = items_that_fit(fields, &items, limit, page);
        items.truncate(kept);
        mark_cut(fields, page, kept, page.cursors.get(kept - 1).cloned());
    }
    let kept = items.len();
    fields.insert(page.list.to_owned(), Value::Array(items));
    total - kept
}

/// How many of `items` fit into the page, which has an empty list now: fewer than all, and at least one.
fn items_that_fit(
    fields: &mut Map<String, Value>,
    items: &[Value],
    limit: usize,
    page: &PageCut,
) -> usize {
    mark_cut(fields, page, items.len(), page.cursors.first().map(|_| String::new()));
    let frame = fields_len(fields);
    let mut used = frame;
    let mut kept = 1;
    for (index, item) in items.iter().enumerate().take(items.len() - 1) {
        let comma = usize::from(index > 0);
        let Some(size) = limit.checked_sub(used + comma).and_then(|left| json_len(item, left))
        else {
            break;
        };
        used += comma + size;
        let cursor = page.cursors.get(index).map(|cursor| escaped_len(cursor));
        let continues = page.cursors.is_empty() || cursor.is_some();
        if continues && used + cursor.unwrap_or(0) <= limit {
            kept = index + 1;
        }
    }
    kept
}

/// Says that the list ends after `kept` items. Without a cursor of our own a later one would skip what was dropped.
fn mark_cut(fields: &mut Map<String, Value>, page: &PageCut, kept: usize, cursor: Option<String>) {
    fields.insert(TRUNCATED.to_owned(), true.into());
    match cursor {
        Some(cursor) => fields.insert(CURSOR.to_owned(), cursor.into()),
        None => fields.remove(CURSOR),
    };
    if let Some(count) = page.count {
        fields.insert(count.to_owned(), kept.into());
    }
}

fn fields_len(fields: &mut Map<String, Value>) -> usize {
    let frame = Value::Object(mem::take(fields));
    let length = json_len(&frame, usize::MAX).unwrap_or(usize::MAX);
    if let Value::Object(frame) = frame {
        *fields = frame;
    }
    length
}

/// No string is shortened below this length, in bytes of JSON: ids, names and dates stay whole.
const MIN_SHORTENED: usize = 128;
/// What the mark takes at most: `… [`, twenty digits, ` more characters]`.
const MARK_LEN: usize = 42;

/// Returns how many strings were shortened, or `None` when the value cannot fit.
fn shorten_strings(value: &mut Value, limit: usize, is_page: bool) -> Option<usize> {
    if let Some(fields) = value.as_object_mut()
        && (is_page || fields.contains_key(TRUNCATED))
    {
        fields.insert(TRUNCATED.to_owned(), true.into());
    }
    let excess = json_len(value, usize::MAX)?.saturating_sub(limit);
    let cursor = value.as_object_mut().and_then(|fields| fields.remove(CURSOR));
    let cap = longest_that_fits(value, excess)?;
    let mut shortened = 0;
    structure::replace_strings(value, |text| {
        let cut = cut_to(text, cap);
        shortened += usize::from(cut.is_some());
        cut
    });
    if let (Some(cursor), Some(fields)) = (cursor, value.as_object_mut()) {
        fields.insert(CURSOR.to_owned(), cursor);
    }
    Some(shortened)
}

/// The largest length that strings may keep so that together they give up `excess` bytes.
fn longest_that_fits(value: &Value, excess: usize) -> Option<usize> {
    let mut lengths = Vec::new();
    structure::visit_strings(value, |text| lengths.push(escaped_len(text)));
    let saved =
        |cap: usize| -> usize { lengths.iter().map(|length| length.saturating_sub(cap)).sum() };
    if saved(MIN_SHORTENED) < excess {
        return None;
    }
    let (mut enough, mut too_long) = (MIN_SHORTENED, lengths.iter().max()? + 1);
    while enough + 1 < too_long {
        let middle = enough.midpoint(too_long);
        if saved(middle) >= excess { enough = middle } else { too_long = middle }
    }
    Some(enough)
}

/// The start of `text` with a mark, together at most `cap` bytes of JSON.
fn cut_to(text: &str, cap: usize) -> Option<String> {
    if escaped_len(text) <= cap {
        return None;
    }
    let mut left = cap - MARK_LEN;
    let end = text.char_indices().find_map(|(at, character)| {
        match left.checked_sub(escaped_char_len(character)) {
            Some(rest) => {
                left = rest;
                None
            }
            None => Some(at),
        }
    })?;
    let (kept, cut) = text.split_at_checked(end)?;
    let mut shortened = kept.to_owned();
    // Writing to a string does not fail.
    write!(shortened, "… [{} more characters]", cut.chars().count()).ok()?;
    Some(shortened)
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
