//! Where: a place's name or coordinates, checked before anybody is asked about it.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The longest name, in characters.
const MAX_CHARS: usize = 200;

/// A place's name: text that can be nothing but a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PlaceName(String);

impl PlaceName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it is compared: without regard to case.
    pub(crate) fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

/// Why a text is no location; never the text itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoLocation(&'static str);

impl fmt::Display for NoLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl TryFrom<String> for PlaceName {
    type Error = NoLocation;

    fn try_from(text: String) -> Result<Self, NoLocation> {
        let name = text.trim();
        if !(1..=MAX_CHARS).contains(&name.chars().count()) {
            return Err(NoLocation("must be 1 to 200 characters long"));
        }
        let is_name = name.chars().any(char::is_alphanumeric);
        if !is_name || name.contains("..") || name.chars().any(is_foreign) {
            return Err(NoLocation("must be the name of a place, in letters, like `Berlin`"));
        }
        Ok(Self(name.to_owned()))
    }
}

/// Characters of addresses, markup and control, which no name of a place has; also those that are not seen.
fn is_foreign(character: char) -> bool {
    let invisible = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    );
    invisible || character.is_control() || r#"/\?#%@~:;<>{}|^=*$"`"#.contains(character)
}

impl From<PlaceName> for String {
    fn from(name: PlaceName) -> Self {
        name.0
    }
}

/// A point on the globe, in degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coordinates {
    latitude: f64,
    longitude: f64,
}

impl Coordinates {
    /// `None` for what is not on the globe.
    pub(crate) fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let on_globe = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        on_globe.then_some(Self { latitude, longitude })
    }

    /// As an upstream is asked.
    pub(crate) fn to_query(self) -> (String, String) {
        let [latitude, longitude] = self.rounded();
        (format!("{latitude:.4}"), format!("{longitude:.4}"))
    }

    /// The same for all that an upstream is asked with the same query, and sooner written than that.
    pub(crate) fn cell(self) -> Vec<u8> {
        self.rounded().map(f64::to_le_bytes).concat()
    }

    /// Four decimals are eleven metres, and finer ones would only miss the cache. Nought has one sign.
    fn rounded(self) -> [f64; 2] {
        [self.latitude, self.longitude].map(|degrees| (degrees * 1e4).round() / 1e4 + 0.0)
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.latitude, self.longitude)
    }
}

/// A location as a caller gives it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Location {
    /// `Berlin`, `Springfield, Illinois`.
    Named(PlaceName),
    /// `52.52,13.41`.
    At(Coordinates),
}

impl TryFrom<String> for Location {
    type Error = NoLocation;

    fn try_from(text: String) -> Result<Self, NoLocation> {
        let numbers = text.split_once(',').and_then(|(latitude, longitude)| {
            Some((degrees(latitude.trim())?, degrees(longitude.trim())?))
        });
        let Some((latitude, longitude)) = numbers else {
            return PlaceName::try_from(text).map(Self::Named);
        };
        let refused =
            NoLocation("must have a latitude of -90 to 90 and a longitude of -180 to 180");
        Coordinates::new(latitude, longitude).map(Self::At).ok_or(refused)
    }
}

/// A decimal number as people write degrees; no exponents, no `inf`.
fn degrees(text: &str) -> Option<f64> {
    const MAX_LENGTH: usize = 32;
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+');
    if text.len() > MAX_LENGTH || !text.bytes().all(plain) {
        return None;
    }
    text.parse().ok()
}

macro_rules! text_schema {
    ($name:ident, $description:literal) => {
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_CHARS,
                    "description": $description,
                })
            }
        }
    };
}

text_schema!(Location, "a place's name like `Berlin`, or coordinates like `52.52,13.41`");
text_schema!(PlaceName, "a place's name like `Berlin`");

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> Result<Location, NoLocation> {
        Location::try_from(text.to_owned())
    }

    #[test]
    fn names_of_every_language_are_names() {
        for name in [
            "Berlin",
            "Kraków",
            "東京",
            "São Paulo",
            "St. John's",
            "Springfield, Illinois",
            "Köln-Deutz",
            "नई दिल्ली",
            "القاهرة",
            "10115",
            " Oslo ",
            "Saint-Denis (Réunion)",
            "Å",
        ] {
            assert!(matches!(location(name), Ok(Location::Named(_))), "{name}");
        }
    }

    #[test]
    fn coordinates_are_read_as_people_write_them() {
        for text in ["52.52,13.41", "-33.87, 151.21", "+0,0", "90,180", " 1 , 2 "] {
            assert!(matches!(location(text), Ok(Location::At(_))), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_and_not_repeated() {
        let long = "a".repeat(1_000_000);
        for text in [
            "",
            " ",
            "../../etc/passwd",
            "a/b",
            "a%2fb",
            "a?b",
            "a#b",
            "a..b",
            "\u{0}",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "~x",
            "@host",
            "<b>",
            "91,0",
            "-90.01,0",
            "0,181",
            "1,-999",
            "999999999,1",
            "...",
            "-,-",
            &long,
        ] {
            let refused = location(text).unwrap_err().to_string();
            assert!(text.trim().len() < 2 || !refused.contains(text), "{text:.20}");
        }
    }
}
