//! What the upstreams send, read leniently: what is missing is missing, what is unknown is passed over.

pub(crate) mod open_meteo;
pub(crate) mod wttr;

use chrono::NaiveDate;

/// A day, checked and written anew.
fn date(text: &str) -> Option<String> {
    Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.to_string())
}
