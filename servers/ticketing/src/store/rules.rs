//! What may happen to a ticket, decided without a database.

use chrono::{DateTime, SubsecRound as _, Utc};

use super::{NewTicket, Patch, Result, StoreError};
use crate::models::{EventKind, Status, Ticket};

/// At most so many words of a search count; no sensible one has more.
const MAX_WORDS: usize = 32;
/// The contract's bound on a search text, kept here too because it bounds the work.
const MAX_SEARCH_CHARS: usize = 500;

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp<'a> {
    pub(super) by: &'a str,
    pub(super) at: DateTime<Utc>,
}

impl<'a> Stamp<'a> {
    /// Now, in milliseconds, which both databases keep: what a write returns is what is read later.
    /// Taken when the ticket is locked, so that its times follow the order of its writes.
    pub(super) fn now(by: &'a str) -> Self {
        Self { by, at: Utc::now().trunc_subsecs(3) }
    }
}

/// A line for the history of a ticket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: EventKind,
    pub(super) changed: Vec<&'static str>,
}

impl Entry {
    pub(super) fn new(kind: EventKind, changed: impl Into<Vec<&'static str>>) -> Self {
        Self { kind, changed: changed.into() }
    }
}

/// Refuses a ticket that cannot be kept as it is.
pub(super) fn check_new(ticket: &NewTicket) -> Result<()> {
    check_text("title", &ticket.title)?;
    check_text("body", &ticket.body)?;
    check_all(&ticket.labels, ticket.assignee.as_deref())
}

/// The ticket with `patch` laid over it, and the line for its history; `None` when nothing changed.
pub(super) fn update(
    mut ticket: Ticket,
    patch: Patch,
    stamp: Stamp<'_>,
) -> Result<(Ticket, Option<Entry>)> {
    check_text("title", patch.title.as_deref().unwrap_or_default())?;
    check_text("body", patch.body.as_deref().unwrap_or_default())?;
    check_all(patch.labels.as_deref().unwrap_or_default(), patch.assignee.as_deref())?;
    // A closed ticket comes first: to read it again would not help.
    check_active(&ticket)?;
    if ticket.version != patch.expected_version {
        let (id, current) = (ticket.id, ticket.version);
        return Err(StoreError::Version { id, expected: patch.expected_version, current });
    }
    let assignee = patch.assignee.map(|name| Some(name).filter(|name| !name.is_empty()));
    let changed: Vec<_> = [
        replace("title", &mut ticket.title, patch.title),
        replace("body", &mut ticket.body, patch.body),
        replace("status", &mut ticket.status, patch.status.map(Status::from)),
        replace("priority", &mut ticket.priority, patch.priority),
        replace("labels", &mut ticket.labels, patch.labels),
        replace("assignee", &mut ticket.assignee, assignee),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changed.is_empty() {
        return Ok((ticket, None));
    }
    ticket.version += 1;
    ticket.updated_at = stamp.at;
    Ok((ticket, Some(Entry::new(EventKind::Updated, changed))))
}

/// The ticket, closed, and the line for its history.
pub(super) fn close(
    mut ticket: Ticket,
    resolution: String,
    stamp: Stamp<'_>,
) -> Result<(Ticket, Entry)> {
    check_text("resolution", &resolution)?;
    check_active(&ticket)?;
    ticket.status = Status::Closed;
    ticket.version += 1;
    ticket.updated_at = stamp.at;
    ticket.closed_by = Some(stamp.by.to_owned());
    ticket.resolution = Some(resolution);
    Ok((ticket, Entry::new(EventKind::Closed, ["status", "closed_by", "resolution"])))
}

/// Refuses U+0000, which PostgreSQL cannot keep in a text; the other store refuses it too, so that
/// both hold the same tickets.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(StoreError::Invalid { field, problem: "must not hold the character U+0000" });
    }
    Ok(())
}

/// The words of a search: runs of letters and digits, so that nothing in them is syntax to a database.
pub(super) fn words(text: &str) -> Vec<String> {
    let text: String = text.chars().take(MAX_SEARCH_CHARS).collect();
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if words.len() < MAX_WORDS && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// Whether a word also finds those that begin with it. Shorter ones would find nearly everything.
pub(super) fn is_prefix(word: &str) -> bool {
    word.chars().count() >= 3
}

/// The ranges of numbers up to `newest` whose digits begin with those of `prefix`, the highest first.
///
/// `T-1` up to 234 gives 100..=199, 10..=19, 1..=1: ranges that an index serves, where a comparison of
/// texts would read every ticket.
pub(super) fn number_ranges(prefix: &str, newest: i64) -> Vec<(i64, i64)> {
    let digits = prefix.strip_prefix("T-").unwrap_or(prefix);
    if matches!(digits, "" | "T") {
        return vec![(0, newest)];
    }
    // A sign would parse; a leading zero begins no number.
    let Some(first) =
        digits.parse().ok().filter(|_| digits.starts_with(|it| matches!(it, '1'..='9')))
    else {
        return Vec::new();
    };
    let widened = |&(low, high): &(i64, i64)| {
        Some((low.checked_mul(10)?, high.checked_mul(10)?.checked_add(9)?))
    };
    let mut ranges: Vec<_> = std::iter::successors(Some((first, first)), widened)
        .take_while(|(low, _)| *low <= newest)
        .collect();
    ranges.reverse();
    ranges
}

fn check_all(labels: &[String], assignee: Option<&str>) -> Result<()> {
    labels.iter().try_for_each(|label| check_text("labels", label))?;
    check_text("assignee", assignee.unwrap_or_default())
}

fn check_active(ticket: &Ticket) -> Result<()> {
    if ticket.status == Status::Closed { Err(StoreError::Closed(ticket.id)) } else { Ok(()) }
}

/// Puts `new` into `field`; the name of the field when it is different since.
fn replace<T: PartialEq>(
    name: &'static str,
    field: &mut T,
    new: Option<T>,
) -> Option<&'static str> {
    let new = new.filter(|new| new != field)?;
    *field = new;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_and_digits_of_a_search_reach_the_database() {
        assert_eq!(
            words(r#"NEAR("log in", 5) OR title:fail* ü-é 日本 "#),
            ["NEAR", "log", "in", "5", "OR", "title", "fail", "ü", "é", "日本"]
        );
        assert!(words("!!! \"*\" 🦀 \0").is_empty());
    }

    #[test]
    fn a_search_is_bounded() {
        let many: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert_eq!(words(&many.join(" ")).len(), MAX_WORDS);
        assert_eq!(words(&"x".repeat(10_000))[0].len(), MAX_SEARCH_CHARS);
        assert_eq!(words("again again"), ["again"]);
    }

    #[test]
    fn a_prefix_covers_the_numbers_that_begin_with_it() {
        assert_eq!(number_ranges("T-1", 234), [(100, 199), (10, 19), (1, 1)]);
        assert_eq!(number_ranges("23", 234), [(230, 239), (23, 23)]);
        assert_eq!(number_ranges("T-", 234), [(0, 234)]);
        assert_eq!(number_ranges("T", 234), [(0, 234)]);
        assert_eq!(number_ranges("", 234), [(0, 234)]);
        for nothing in ["T-0", "-1", "+1", "x", "T-1x", "T-%", "99999999999999999999", "T-235"] {
            assert!(number_ranges(nothing, 234).is_empty(), "{nothing}");
        }
    }
}
