//! Edits found in a text, and the text with them applied.

use std::{cmp::Reverse, ops::Range};

use crate::Finding;

/// One stretch to replace.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) with: &'static str,
    pub(crate) finding: Finding,
}

/// Orders edits and drops those inside an earlier one; one that only reaches beyond it widens it.
pub(crate) fn resolve(edits: &mut Vec<Edit>) {
    edits.sort_by_key(|edit| (edit.range.start, Reverse(edit.range.end)));
    edits.dedup_by(|later, earlier| {
        let overlaps = later.range.start < earlier.range.end;
        if overlaps {
            earlier.range.end = earlier.range.end.max(later.range.end);
        }
        overlaps
    });
}

/// `text` with resolved `edits`.
pub(crate) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut edited = String::with_capacity(text.len() + 8 * edits.len());
    let mut copied = 0;
    for edit in edits {
        edited.push_str(text.get(copied..edit.range.start).unwrap_or_default());
        copied = edit.range.end;
        push(&mut edited, edit, text.get(copied..).unwrap_or_default());
    }
    edited.push_str(text.get(copied..).unwrap_or_default());
    edited
}

/// A redaction's own brackets must not become a Markdown image or link with what stands around them.
fn push(edited: &mut String, edit: &Edit, rest: &str) {
    let has_brackets = matches!(edit.finding, Finding::Secret(_));
    if has_brackets && edited.ends_with('!') {
        edited.push('\\');
    }
    edited.push_str(edit.with);
    if has_brackets && rest.starts_with(['(', '[', ':']) {
        edited.push('\\');
    }
}
