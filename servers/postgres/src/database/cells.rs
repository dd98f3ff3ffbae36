//! From PostgreSQL's text form of a value to JSON, without loss.

use serde_json::{Number, Value};

/// The largest integer that every JSON reader keeps: 2^53 - 1 (RFC 8259 §6).
const MAX_SAFE: u64 = (1 << 53) - 1;

// Object numbers of `pg_type`, the same in every installation.
const BOOL: u32 = 16;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const OID: u32 = 26;
const JSON: u32 = 114;
const XID: u32 = 28;
const CID: u32 = 29;
const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const JSONB: u32 = 3802;

/// The cell of a column of type `oid` whose text form is `text`.
///
/// Integers up to 2^53 - 1 and finite floats are numbers, beyond that they are strings; booleans are booleans;
/// JSON is JSON, and every other type is its text.
pub(super) fn cell(oid: u32, text: &str) -> Value {
    let value = match oid {
        BOOL => Some(Value::Bool(text == "t")),
        INT2 | INT4 | INT8 => integer(text),
        OID | XID | CID => text.parse::<u32>().ok().map(Value::from),
        FLOAT4 | FLOAT8 => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        JSON | JSONB => json(text),
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn integer(text: &str) -> Option<Value> {
    let number: i64 = text.parse().ok()?;
    (number.unsigned_abs() <= MAX_SAFE).then(|| Value::from(number))
}

/// `text` as JSON. A number that would not be written again as it stands there (`1.10`, `1e400`, 2^64) becomes a
/// string of the same digits, as a `numeric` is; a document with two equal keys stays the text that it is.
fn json(text: &str) -> Option<Value> {
    let (exact, members) = quote_inexact(text);
    let value: Value = serde_json::from_str(&exact).ok()?;
    (count_members(&value) == members).then_some(value)
}

/// `text` with quotes around numbers that JSON readers change, and how many members its objects have.
fn quote_inexact(text: &str) -> (String, usize) {
    let (mut exact, mut members) = (String::with_capacity(text.len()), 0);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let is_number = matches!(letter, '-' | '0'..='9');
        let length = match letter {
            '"' => string_length(rest),
            _ if is_number => {
                let outside = |c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
                rest.find(outside).unwrap_or(rest.len())
            }
            _ => letter.len_utf8(),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        members += usize::from(letter == ':');
        if is_number && !is_exact(token) {
            exact.extend(["\"", token, "\""]);
        } else {
            exact.push_str(token);
        }
        rest = after;
    }
    (exact, members)
}

fn is_exact(number: &str) -> bool {
    serde_json::from_str::<Number>(number).is_ok_and(|read| read.to_string() == number)
}

fn count_members(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(count_members).sum(),
        Value::Object(fields) => fields.len() + fields.values().map(count_members).sum::<usize>(),
        _ => 0,
    }
}

/// How many bytes the string at the start of `text` has, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{FLOAT4, FLOAT8, INT8, JSONB, OID, cell};

    #[test]
    fn integers_that_a_reader_would_round_are_strings() {
        assert_eq!(cell(INT8, "9007199254740991"), json!(9_007_199_254_740_991_i64));
        assert_eq!(cell(INT8, "9007199254740992"), json!("9007199254740992"));
        assert_eq!(cell(INT8, "-9223372036854775808"), json!("-9223372036854775808"));
        assert_eq!(cell(OID, "4294967295"), json!(4_294_967_295_u32));
    }

    #[test]
    fn floats_keep_their_shortest_form_and_specials_are_strings() {
        assert_eq!(cell(FLOAT4, "0.1").to_string(), "0.1");
        assert_eq!(cell(FLOAT8, "-0").to_string(), "-0.0");
        for special in ["NaN", "Infinity", "-Infinity"] {
            assert_eq!(cell(FLOAT8, special), json!(special));
        }
    }

    #[test]
    fn a_numeric_is_a_string_whatever_it_holds() {
        assert_eq!(cell(1700, "1.10"), json!("1.10"));
        assert_eq!(cell(1700, "NaN"), json!("NaN"));
    }

    #[test]
    fn json_is_json_and_its_numbers_keep_their_digits() {
        let exact = r#"{"b": [1, 2.5, -3], "a": {"c": "1.10, \" 2"}}"#;
        assert_eq!(cell(JSONB, exact), json!({ "b": [1, 2.5, -3], "a": { "c": "1.10, \" 2" } }));
        assert_eq!(cell(JSONB, "9007199254740993").to_string(), "9007199254740993");
        assert_eq!(
            cell(JSONB, r#"{"a": [1.10, -1e400], "b": 18446744073709551616}"#),
            json!({ "a": ["1.10", "-1e400"], "b": "18446744073709551616" })
        );
        let twice = r#"{"a": 1, "a": 2}"#;
        assert_eq!(cell(JSONB, twice), json!(twice));
        assert_eq!(cell(JSONB, "null"), json!(null));
    }

    proptest! {
        #[test]
        fn no_text_of_any_type_breaks_the_conversion(oid in 0_u32..4_000, text in ".{0,40}") {
            cell(oid, &text);
        }
    }
}
