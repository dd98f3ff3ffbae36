//! The words of a text in SQL or PL/pgSQL, for bodies that cannot be read as one query.
//!
//! PostgreSQL's lexical rules (section 4.1 of its manual) as far as they tell words from strings and comments. What
//! breaks the rules, or hides a name, counts as a text that may do anything.

use std::collections::HashSet;

/// Stands for a text that cannot be scanned: it may do anything.
const UNREADABLE: &str = "execute";

/// Every name and keyword of `text` as PostgreSQL folds it, strings and comments left out.
pub(crate) fn words(text: &str) -> HashSet<String> {
    let mut words = HashSet::new();
    let mut text = text;
    while !text.is_empty() {
        let Some((word, rest)) = token(text) else {
            return HashSet::from([UNREADABLE.to_owned()]);
        };
        if !word.is_empty() {
            words.insert(word);
        }
        text = rest;
    }
    words
}

/// The first token, empty when it is no word, and what follows it.
fn token(text: &str) -> Option<(String, &str)> {
    let rest = match text.chars().next()? {
        '-' if text.starts_with("--") => span(text, |it| !matches!(it, '\n' | '\r')).1,
        '/' if text.starts_with("/*") => after_comment(text.strip_prefix("/*")?)?,
        '\'' => quoted(text, false)?.1,
        '$' => after_dollar(text)?,
        '0'..='9' => after_number(text)?,
        '"' => {
            let (name, rest) = quoted(text, false).filter(|(name, _)| !name.is_empty())?;
            return Some((name.replace("\"\"", "\""), rest));
        }
        first if is_name(first) => {
            let (word, rest) = word(text)?;
            return Some((word.to_ascii_lowercase(), rest));
        }
        other => text.strip_prefix(other)?,
    };
    Some((String::new(), rest))
}

/// A word, or the string whose prefix it is.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = span(text, |it| is_name(it) || it == '$');
    match word {
        "e" | "E" if rest.starts_with('\'') => {
            let rest = quoted(rest, true)?.1;
            // Another string that begins in a later line would go on with this one's rules.
            let goes_on = rest.trim_start().starts_with(['\'', '-']);
            (!goes_on).then_some(("", rest))
        }
        "b" | "B" | "x" | "X" if rest.starts_with('\'') => Some(("", rest)),
        "u" | "U" if rest.starts_with("&'") => Some(("", rest)),
        // `U&"\0064..."`: whoever writes a name like this hides it.
        "u" | "U" if rest.starts_with("&\"") => None,
        _ => Some((word, rest)),
    }
}

/// What stands between the quote that `text` begins with and the next that is not doubled, and what follows.
fn quoted(text: &str, has_escapes: bool) -> Option<(&str, &str)> {
    let mut letters = text.char_indices().peekable();
    let (_, quote) = letters.next()?;
    while let Some((at, letter)) = letters.next() {
        if has_escapes && letter == '\\' {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return Some((text.get(1..at)?, text.get(at + 1..)?));
        }
    }
    None
}

/// Comments nest.
fn after_comment(inside: &str) -> Option<&str> {
    let (mut rest, mut depth) = (inside, 1);
    while depth > 0 {
        rest = rest.get(rest.find(['/', '*'])?..)?;
        if let Some(inner) = rest.strip_prefix("/*") {
            (rest, depth) = (inner, depth + 1);
        } else if let Some(outer) = rest.strip_prefix("*/") {
            (rest, depth) = (outer, depth - 1);
        } else {
            rest = rest.get(1..)?;
        }
    }
    Some(rest)
}

/// `$1`, or `$tag$ … $tag$`; alone it means nothing.
fn after_dollar(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('$')?;
    let (tag, rest) = span(inside, is_name);
    if tag.starts_with(|it: char| it.is_ascii_digit()) {
        return tag.bytes().all(|it| it.is_ascii_digit()).then_some(rest);
    }
    let Some(body) = rest.strip_prefix('$') else { return Some(inside) };
    Some(body.split_once(&format!("${tag}$"))?.1)
}

/// `1_000`, `0x1F`, `1e10`, and the parts of `1.5e-3`; a letter that belongs to none of these is an error.
fn after_number(text: &str) -> Option<&str> {
    let (number, rest) = span(text, is_name);
    let beyond = number.trim_start_matches(|it: char| it.is_ascii_digit() || it == '_');
    let is_digits = |text: &str| text.bytes().all(|it| it.is_ascii_hexdigit() || it == b'_');
    let is_number = match beyond.split_at_checked(1) {
        None => beyond.is_empty(),
        Some(("e" | "E", "")) => rest.starts_with(['+', '-']),
        Some(("e" | "E", exponent)) => exponent.bytes().all(|it| it.is_ascii_digit() || it == b'_'),
        Some(("x" | "X" | "o" | "O" | "b" | "B", digits)) => {
            number.starts_with('0') && is_digits(digits)
        }
        Some(_) => false,
    };
    is_number.then_some(rest)
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|it| !belongs(it)).unwrap_or(text.len()))
}

/// Whether a name may have this letter; a digit, only after others.
fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || !letter.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::words;

    fn sorted(text: &str) -> Vec<String> {
        let mut found: Vec<_> = words(text).into_iter().collect();
        found.sort();
        found
    }

    #[test]
    fn strings_and_comments_hold_no_words() {
        let found =
            sorted("BEGIN -- nextval\n RETURN Setval('currval', \"Odd\"); /* lo_unlink */ END");
        assert_eq!(found, ["Odd", "begin", "end", "return", "setval"]);
        for text in [
            "f/* a /* b */ c */('it''s g')",
            "f(E'it\\'s g' , B'01', x'1F', U&'g')",
            "f--g\r($$ g $ h $$, $1, 1.5e-3, 0x1F, 1_000)",
            "f $tag$ g $$ $other$ h $tag$",
            "\t+*/*g*/f-1..10",
        ] {
            assert_eq!(sorted(text), ["f"], "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_string_or_a_comment_and_is_none_hides_no_word() {
        for (text, words) in [
            ("'a\\' f 'b'", vec!["f"]),
            ("a$b$ f", vec!["a$b$", "f"]),
            ("'a' -- ' \n f", vec!["f"]),
            ("/* -- */ f", vec!["f"]),
            ("\"a--b\" f", vec!["a--b", "f"]),
            ("\"/*\" f", vec!["/*", "f"]),
            ("e 'a\\' f", vec!["e", "f"]),
            ("the'a\\' f", vec!["f", "the"]),
            ("$a f", vec!["a", "f"]),
            ("$1$a$ g $a$f", vec!["f"]),
            ("ÄF", vec!["Äf"]),
            (r#""A""b""#, vec!["A\"b"]),
        ] {
            assert_eq!(sorted(text), words, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_scanned_may_do_anything() {
        for text in [
            r#"SELECT U&"\0074ouch"()"#,
            "SELECT 'open",
            "SELECT \"open",
            "SELECT \"\"",
            "/* /* */ open",
            "$$ open",
            "$a$ $A$",
            "E'\\'",
            "E'a'\n'\\' f '",
            "E'a' -- more\n'\\' f '",
            "1e'\\' f '",
            "1a",
            "$1a",
        ] {
            assert!(words(text).contains("execute"), "{text}");
        }
    }
}
