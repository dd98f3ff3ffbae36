//! Days as a caller names them.

use std::fmt;

use chrono::{Days, NaiveDate};
use mcp_chassis::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// The first day of Open-Meteo's archive.
const FIRST: NaiveDate = NaiveDate::from_ymd_opt(1940, 1, 1).expect("a date");
/// The longest period, in days.
const MAX_DAYS: i64 = 366;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "NaiveDate", inline)]
pub(crate) struct Date(NaiveDate);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Date {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        const EXPECTED: &str = "must be a date like `2026-01-31`";
        // The parser alone would also take signs and missing zeros.
        let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d").map_err(|_error| EXPECTED)?;
        if date.to_string() == text { Ok(Self(date)) } else { Err(EXPECTED) }
    }
}

/// Days of the past, in order and not too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    start: Date,
    end: Date,
}

impl Period {
    /// The days from `start` to `end`, both included, as seen on `today` (UTC).
    ///
    /// # Errors
    /// For days before the archive or in the future, in the wrong order, or more than a year of them.
    pub(crate) fn new(start: Date, end: Date, today: NaiveDate) -> Result<Self> {
        // Somewhere it is tomorrow already.
        let last = today.checked_add_days(Days::new(1)).unwrap_or(today);
        if start.0 < FIRST {
            return Err(Error::invalid("start_date", format!("must be {FIRST} or later")));
        }
        if end.0 > last {
            return Err(Error::invalid(
                "end_date",
                "must not be in the future, use `get_forecast`",
            ));
        }
        if end < start {
            return Err(Error::invalid("end_date", "must not be before `start_date`"));
        }
        if (end.0 - start.0).num_days() >= MAX_DAYS {
            let text = format!("must be within {MAX_DAYS} days of `start_date`, ask in parts");
            return Err(Error::invalid("end_date", text));
        }
        Ok(Self { start, end })
    }

    pub(crate) fn start(self) -> Date {
        self.start
    }

    pub(crate) fn end(self) -> Date {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::try_from(text.to_owned()).unwrap()
    }

    fn refusal(start: &str, end: &str) -> Option<String> {
        let today = date("2026-07-01").0;
        Period::new(date(start), date(end), today).err().map(|error| error.to_string())
    }

    #[test]
    fn days_of_the_past_in_order_make_a_period() {
        for (start, end) in [
            ("1940-01-01", "1940-01-01"),
            ("2024-01-01", "2024-12-31"),
            ("2026-06-30", "2026-07-02"),
        ] {
            assert_eq!(refusal(start, end), None, "{start} {end}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused_with_the_argument_to_mend() {
        for (start, end, expected) in [
            ("1939-12-31", "1940-01-01", "`start_date` must be 1940-01-01 or later"),
            ("2026-01-02", "2026-01-01", "`end_date` must not be before `start_date`"),
            (
                "2026-06-30",
                "2026-07-03",
                "`end_date` must not be in the future, use `get_forecast`",
            ),
            (
                "2024-01-01",
                "2025-01-01",
                "`end_date` must be within 366 days of `start_date`, ask in parts",
            ),
        ] {
            assert_eq!(refusal(start, end).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026-02-30",
            "2026-1-1",
            "tomorrow",
            "2026-01-01T00:00",
            "+2026-01-1",
            "20260-1-01",
        ] {
            assert!(Date::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
