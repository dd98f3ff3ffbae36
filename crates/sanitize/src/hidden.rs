//! Characters that a reader does not see and a model does: removed before anything else is looked for.

use std::{borrow::Cow, str::Chars};

use crate::{Finding, Findings};

const ESCAPE: char = '\u{1b}';

/// `text` without hidden characters and terminal sequences, with every line ending as `\n`.
///
/// The result holds nothing that a second walk would remove.
pub(crate) fn strip<'a>(text: &'a str, findings: &mut Findings) -> Cow<'a, str> {
    let Some((visible, rest)) = first_hidden(text).and_then(|at| text.split_at_checked(at)) else {
        return Cow::Borrowed(text);
    };
    let mut kept = String::with_capacity(text.len());
    kept.push_str(visible);
    let mut previous = visible.chars().next_back();
    let mut rest = rest.chars();
    while let Some(current) = rest.next() {
        let keep = match hidden(previous, current) {
            None => current,
            Some(Hidden::LineBreak) => {
                if current == '\r' && rest.as_str().starts_with('\n') {
                    rest.next();
                }
                '\n'
            }
            Some(Hidden::Is(finding)) => {
                findings.add(finding);
                if finding == Finding::AnsiEscape {
                    rest = after_escape(current, rest);
                }
                continue;
            }
        };
        kept.push(keep);
        previous = Some(keep);
    }
    Cow::Owned(kept)
}

/// Whether nothing of `text` would be stripped.
pub(crate) fn is_visible(text: &str) -> bool {
    first_hidden(text).is_none()
}

/// Where the first character stands that cannot stay; most texts are plain ASCII and end here.
fn first_hidden(text: &str) -> Option<usize> {
    let start = first_unplain(text.as_bytes())?;
    let (plain, rest) = text.split_at_checked(start)?;
    let mut previous = plain.chars().next_back();
    rest.char_indices().find_map(|(at, current)| {
        let found = hidden(previous, current).map(|_| start + at);
        previous = Some(current);
        found
    })
}

/// Where the first byte stands that is not plain ASCII. Whole blocks are judged at once, without a branch for each byte.
fn first_unplain(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    let is_plain_block =
        |block: &&[u8; BLOCK]| block.iter().fold(true, |all, byte| all & is_plain(byte));
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let plain = BLOCK * blocks.iter().take_while(is_plain_block).count();
    let rest = bytes.get(plain..)?;
    rest.iter().position(|byte| !is_plain(byte)).map(|at| plain + at)
}

enum Hidden {
    /// One of the characters that end a line without being `\n`.
    LineBreak,
    Is(Finding),
}

/// Why `current` cannot stay behind `previous`, the last character that stayed.
fn hidden(previous: Option<char>, current: char) -> Option<Hidden> {
    let finding = match current {
        '\n' | '\t' | ' '..='~' => return None,
        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => return Some(Hidden::LineBreak),
        // CSI, DCS, SOS, OSC, PM and APC have one-character forms in C1.
        ESCAPE | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => Finding::AnsiEscape,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Finding::ControlCharacter,
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' => Finding::ZeroWidth,
        '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Finding::BidiControl
        }
        '\u{fe0e}' | '\u{fe0f}' if previous.is_some_and(takes_presentation) => return None,
        '\u{180b}'..='\u{180d}'
        | '\u{180f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}' => Finding::VariationSelector,
        '\u{e0000}'..='\u{e0fff}' => Finding::TagCharacter,
        _ => return None,
    };
    Some(Hidden::Is(finding))
}

/// Symbols that a presentation selector may follow (Unicode's `emoji-variation-sequences.txt`).
fn takes_presentation(symbol: char) -> bool {
    matches!(symbol, '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// What follows an escape sequence whose first character is `introducer` (ECMA-48 §5.3 and §5.4).
///
/// A sequence that does not end as it should loses its introducer only: what it would have hidden is shown.
fn after_escape(introducer: char, mut rest: Chars<'_>) -> Chars<'_> {
    let kind = if introducer == ESCAPE {
        let mut ahead = rest.clone();
        match ahead.next() {
            // A control character or other text is not part of a sequence.
            Some(second @ ' '..='~') => {
                rest = ahead;
                second
            }
            _ => return rest,
        }
    } else {
        introducer
    };
    let sequence = rest.as_str();
    let end = match kind {
        '[' | '\u{9b}' => after_control_sequence(sequence),
        ']' | 'P' | 'X' | '^' | '_' | '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => {
            after_control_string(rest.clone())
        }
        ' '..='/' => after_final(sequence, '0'),
        _ => None,
    };
    end.unwrap_or(rest)
}

fn after_control_sequence(parameters: &str) -> Option<Chars<'_>> {
    after_final(parameters.trim_start_matches(|c| matches!(c, '0'..='?')), '@')
}

/// Skips intermediate bytes and the final one, which is at least `lowest`.
fn after_final(intermediates: &str, lowest: char) -> Option<Chars<'_>> {
    let mut rest = intermediates.trim_start_matches(|c| matches!(c, ' '..='/')).chars();
    let last = rest.next()?;
    (lowest..='~').contains(&last).then_some(rest)
}

/// Skips to the terminator; any other control character means that there is none.
fn after_control_string(mut rest: Chars<'_>) -> Option<Chars<'_>> {
    match rest.find(|c| c.is_control())? {
        '\u{7}' | '\u{9c}' => Some(rest),
        ESCAPE if rest.next() == Some('\\') => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> (String, Findings) {
        let mut findings = Findings::default();
        (strip(text, &mut findings).into_owned(), findings)
    }

    #[test]
    fn ordinary_text_of_any_language_is_returned_as_it_came() {
        for text in
            ["fn main() {\n\tok\n}", "zażółć gęślą", "日本語", "שלום", "❤️ 👍🏽 ✔️", "e\u{301}"]
        {
            let mut findings = Findings::default();
            assert!(matches!(strip(text, &mut findings), Cow::Borrowed(same) if same == text));
            assert!(findings.is_empty());
        }
    }

    #[test]
    fn hidden_characters_go_and_are_counted_by_kind() {
        let text = "a\u{200b}b\u{202e}c\u{e0041}\u{e0042}d\u{fe01}e\u{7}f\u{feff}";
        let (clean, findings) = stripped(text);
        assert_eq!(clean, "abcdef");
        let met: Vec<_> = findings.iter().collect();
        assert_eq!(
            met,
            [
                (Finding::ControlCharacter, 1),
                (Finding::ZeroWidth, 2),
                (Finding::BidiControl, 1),
                (Finding::TagCharacter, 2),
                (Finding::VariationSelector, 1),
            ]
        );
    }

    #[test]
    fn a_run_of_variation_selectors_behind_an_emoji_is_cut_to_one() {
        let (clean, findings) = stripped("👍\u{fe0f}\u{fe0f}\u{fe0e}\u{e0101}!");
        assert_eq!(clean, "👍\u{fe0f}!");
        assert_eq!(findings.count(Finding::VariationSelector), 3);
    }

    #[test]
    fn every_line_ending_becomes_a_line_feed() {
        let (clean, findings) = stripped("a\r\nb\rc\u{2028}d\u{85}e\r\r\n");
        assert_eq!(clean, "a\nb\nc\nd\ne\n\n");
        assert!(findings.is_empty());
    }

    #[test]
    fn terminal_sequences_go_with_what_they_hide() {
        let (clean, findings) = stripped(
            "\u{1b}[31mred\u{1b}[0m \u{1b}]8;;https://evil.example\u{7}link\u{1b}]8;;\u{1b}\\ \u{9b}2Jx\u{1b}(B\u{1b}cy",
        );
        assert_eq!(clean, "red link xy");
        assert_eq!(findings.count(Finding::AnsiEscape), 7);
    }

    #[test]
    fn an_unfinished_sequence_cannot_swallow_text() {
        assert_eq!(stripped("\u{1b}]0;title\nnext\u{1b}[12").0, "0;title\nnext12");
        assert_eq!(stripped("\u{1b}\u{1b}\u{1b}").0, "");
        assert_eq!(stripped("\u{1b}é").0, "é");
    }
}
