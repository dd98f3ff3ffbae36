//! Values with a unit, as people write them in a configuration: `30s`, `1 MiB`.

use std::{fmt, str::FromStr, time::Duration};

/// A text of a configuration that says something else than it should.
///
/// The message tells what is accepted and never repeats the text, which may be a misplaced secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct ParseError(pub(crate) &'static str);

/// Longer than any sensible text of this module; what is longer is refused unread.
pub(crate) const MAX_TEXT: usize = 64;

/// The longest duration accepted, so that adding one to a clock cannot overflow.
pub(crate) const MAX_DURATION: Duration = Duration::from_hours(10 * 366 * 24);

/// A duration in the form `30s`, `5m` or `1h 30m`; ten years at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

impl FromStr for HumanDuration {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: ParseError = ParseError("a duration like `30s` or `5m`, ten years at most");
        if text.len() > MAX_TEXT {
            return Err(EXPECTED);
        }
        let duration = humantime::parse_duration(text.trim()).map_err(|_| EXPECTED)?;
        if duration > MAX_DURATION {
            return Err(EXPECTED);
        }
        Ok(Self(duration))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A number of bytes in the form `1 MiB`, `512KiB`, `2 MB` or `1000000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Units with their size in bytes; those that [`ByteSize`] prints come first, the largest ahead.
const BYTE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

impl FromStr for ByteSize {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: ParseError = ParseError("a size like `1 MiB`, `512 KiB` or `1000000`");
        if text.len() > MAX_TEXT {
            return Err(EXPECTED);
        }
        let text = text.trim();
        let digits = text.find(|character: char| !character.is_ascii_digit());
        let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
        let number: u64 = number.parse().map_err(|_| EXPECTED)?;
        let unit = if unit.is_empty() { "B" } else { unit.trim_start() };
        BYTE_UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .and_then(|(_, bytes)| number.checked_mul(*bytes))
            .map(Self)
            .ok_or(EXPECTED)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = BYTE_UNITS.iter().take(3);
        match binary
            .into_iter()
            .find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes))
        {
            Some((name, bytes)) => write!(f, "{} {name}", self.0 / bytes),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("1 MiB", 1 << 20),
            ("512KiB", 512 << 10),
            ("512 kib", 512 << 10),
            ("1000000", 1_000_000),
            (" 2 MB ", 2_000_000),
            ("3 GB", 3_000_000_000),
            ("0", 0),
            ("7 B", 7),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn a_size_that_is_not_one_is_refused() {
        let long = "1".repeat(1_000_000);
        for text in [
            "",
            " ",
            "MiB",
            "-1",
            "+1",
            "1.5 MiB",
            "1 XB",
            "20000000000 GiB",
            "1 M",
            "١ MiB",
            &long,
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text:.20}");
        }
    }

    #[test]
    fn a_duration_that_is_not_one_is_refused() {
        let long = "1s ".repeat(100_000);
        for text in ["", "30", "-1s", "1e9s", "soon", "11y", "99999999999999999999s", &long] {
            assert!(text.parse::<HumanDuration>().is_err(), "{text:.20}");
        }
    }

    #[test]
    fn the_refusal_says_what_is_accepted_and_hides_the_text() {
        let refusal = "hunter2".parse::<HumanDuration>().unwrap_err().to_string();
        assert_eq!(refusal, "expected a duration like `30s` or `5m`, ten years at most");
    }

    proptest! {
        #[test]
        fn a_printed_size_reads_back(bytes: u64) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }

        #[test]
        fn a_printed_duration_reads_back(millis in 0_u64..300_000_000_000) {
            let duration = HumanDuration(Duration::from_millis(millis));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn whatever_is_accepted_reads_back(text in "[0-9a-zA-Z. +-]{0,70}") {
            if let Ok(size) = text.parse::<ByteSize>() {
                prop_assert_eq!(size.to_string().parse(), Ok(size));
            }
            if let Ok(duration) = text.parse::<HumanDuration>() {
                prop_assert_eq!(duration.to_string().parse(), Ok(duration));
            }
        }
    }
}
