//! Text that a tool gives as it is: a file, a log, a diff, in a block of its own and in pages of whole lines.

use std::fmt;

use mcp_errors::{Error, ErrorKind, Result};
use mcp_sanitize::{Budget, whole_lines};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// What the cursor and the numbers of the lines may take of a budget, in bytes.
const RESERVED: usize = 512;

/// A text beside the structured content of an answer.
///
/// The whole of it is cleaned, so that nothing hides by standing on two pages; then the page is cut out. The structured
/// content is told where it was cut: the fields `lines` ([`LineRange`]), `truncated` and, where more follows, `next_cursor`
/// belong into the tool's output.
pub struct RawText {
    /// The whole text.
    pub text: String,
    /// Where the page begins.
    pub start: TextStart,
    /// The cursor of a page that begins at this byte of the cleaned text.
    pub cursor: Box<dyn Fn(usize) -> String + Send>,
}

/// Where a page of a text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextStart {
    /// At a byte of the cleaned text, as a cursor names it.
    Byte(usize),
    /// So many lines before the end.
    LastLines(usize),
}

/// Which lines of a text an answer holds; the first line is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LineRange {
    /// The first line that is shown
    pub first: usize,
    /// The last line that is shown
    pub last: usize,
    /// How many lines there are
    pub total: usize,
}

impl RawText {
    /// Cuts out the page that fits into what `value` leaves of `budget`, and tells `value` what it is.
    pub(crate) fn fit(self, value: &mut Value, budget: Budget) -> Result<String> {
        let Some(fields) = value.as_object_mut() else {
            return Err(Error::internal("a text beside something that has no fields"));
        };
        let start = self.start_byte()?;
        let taken = json!(fields).to_string().len() + RESERVED;
        let room = budget.bytes().checked_sub(taken).filter(|room| *room > 0);
        let room = room.ok_or_else(|| {
            let kind = ErrorKind::InvalidInput { fields: Vec::new() };
            Error::new(kind, "the output budget leaves no room for the text, ask for less")
        })?;
        let rest = self.text.get(start..).unwrap_or_default();
        // Of a character that alone is over the budget nothing would ever be shown.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = start + whole_lines(rest, Budget::of_bytes(room)).max(first);
        let shown = self.text.get(start..end).unwrap_or_default();
        let first = line_at(&self.text, start);
        let last = (first + line_count(shown)).saturating_sub(1).max(first);
        let lines = LineRange { first, last, total: line_count(&self.text) };
        fields.insert("lines".to_owned(), json!(lines));
        fields.insert("truncated".to_owned(), json!(end < self.text.len()));
        if end < self.text.len() {
            fields.insert("next_cursor".to_owned(), (self.cursor)(end).into());
        } else {
            fields.remove("next_cursor");
        }
        Ok(shown.to_owned())
    }

    fn start_byte(&self) -> Result<usize> {
        match self.start {
            TextStart::Byte(byte) if self.text.is_char_boundary(byte) => Ok(byte),
            TextStart::Byte(_) => Err(Error::invalid("cursor", "is not one of this text")),
            TextStart::LastLines(count) => {
                let body = self.text.strip_suffix('\n').unwrap_or(&self.text);
                let mut breaks = body.rmatch_indices('\n').map(|(at, _)| at + 1);
                Ok(match count {
                    0 => self.text.len(),
                    count => breaks.nth(count - 1).unwrap_or(0),
                })
            }
        }
    }
}

fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

/// A line break at the end begins no line.
fn line_count(text: &str) -> usize {
    text.lines().count()
}

impl fmt::Debug for RawText {
    /// Without the text, which is somebody else's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, start) = (self.text.len(), self.start);
        f.debug_struct("RawText")
            .field("bytes", &bytes)
            .field("start", &start)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for `bytes` of text beside an empty object.
    fn page(text: &str, start: TextStart, bytes: usize) -> (String, Value) {
        let cursor = Box::new(|at: usize| at.to_string());
        let raw = RawText { text: text.to_owned(), start, cursor };
        let mut value = json!({});
        let shown = raw.fit(&mut value, Budget::of_bytes(2 + RESERVED + bytes)).unwrap();
        (shown, value)
    }

    fn lines(first: usize, last: usize, total: usize) -> Value {
        json!({ "first": first, "last": last, "total": total })
    }

    #[test]
    fn a_text_is_read_to_its_end_page_by_page() {
        let text = (1..=100).map(|line| format!("line {line}\n")).collect::<Vec<_>>().concat();
        let (mut read, mut start, mut pages) = (String::new(), 0, 0);
        loop {
            let (page, told) = page(&text, TextStart::Byte(start), 64);
            assert!(page.ends_with('\n'), "{page}");
            read.push_str(&page);
            pages += 1;
            match told["next_cursor"].as_str() {
                Some(next) => start = next.parse().unwrap(),
                None => break assert_eq!(told["truncated"], false),
            }
            assert_eq!(told["truncated"], true);
        }
        assert_eq!(read, text);
        assert!(pages > 10);
    }

    #[test]
    fn the_lines_of_a_page_are_numbered() {
        let (text, told) = page("a\nb\nc\nd\n", TextStart::Byte(2), 6);
        assert_eq!((text.as_str(), &told["lines"]), ("b\nc\n", &lines(2, 3, 4)));
        let (text, told) = page("", TextStart::Byte(0), 6);
        assert_eq!((text.as_str(), &told["lines"]), ("", &lines(1, 1, 0)));
    }

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        for (count, first, shown) in
            [(1, 3, "c\n"), (2, 2, "b\nc\n"), (3, 1, "a\nb\nc\n"), (9, 1, "a\nb\nc\n")]
        {
            let (text, told) = page("a\nb\nc\n", TextStart::LastLines(count), 99);
            assert_eq!((text.as_str(), &told["lines"]), (shown, &lines(first, 3, 3)), "{count}");
        }
        assert_eq!(page("a\nb", TextStart::LastLines(1), 99).0, "b");
        assert_eq!(page("", TextStart::LastLines(5), 99).0, "");
    }

    #[test]
    fn a_line_that_is_too_long_goes_on_at_the_next_character() {
        let (text, told) = page("äöüäöü", TextStart::Byte(0), 5);
        assert_eq!((text.as_str(), &told["next_cursor"]), ("äö", &json!("4")));
    }

    #[test]
    fn a_place_that_no_cursor_named_is_refused() {
        for byte in [1, 99] {
            let cursor = Box::new(|at: usize| at.to_string());
            let raw = RawText { text: "ä".into(), start: TextStart::Byte(byte), cursor };
            let error = raw.fit(&mut json!({}), Budget::tokens(500)).unwrap_err();
            assert_eq!(error.kind().code(), "invalid_input");
        }
    }
}
