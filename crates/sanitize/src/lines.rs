//! Cuts a text where a line ends.

use crate::{Budget, measure::escaped_char_len};

/// The length of the longest start of `text` that fits into `budget` as a JSON string and ends with a line, in bytes. Of a
/// first line that is too long alone it is the characters that fit.
pub fn whole_lines(text: &str, budget: Budget) -> usize {
    let mut left = budget.bytes();
    let mut lines = 0;
    for (at, character) in text.char_indices() {
        match left.checked_sub(escaped_char_len(character)) {
            Some(rest) => left = rest,
            None => return if lines > 0 { lines } else { at },
        }
        if character == '\n' {
            lines = at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, bytes: usize) -> &str {
        text.get(..whole_lines(text, Budget::of_bytes(bytes))).unwrap()
    }

    #[test]
    fn a_cut_is_at_the_end_of_a_line() {
        // A line break takes two bytes of JSON.
        assert_eq!(cut("ab\ncd\nef", 8), "ab\ncd\n");
        assert_eq!(cut("ab\ncd\nef", 10), "ab\ncd\nef");
        assert_eq!(cut("ab\ncd\nef", 7), "ab\n");
        assert_eq!(cut("ab\ncd\n", 8), "ab\ncd\n");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn a_line_that_is_too_long_alone_is_cut_between_characters() {
        assert_eq!(cut("äöü\nx", 5), "äö");
        assert_eq!(cut("\"\"\"", 5), "\"\"");
        assert_eq!(cut("ä", 1), "");
    }
}
