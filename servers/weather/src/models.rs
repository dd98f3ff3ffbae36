//! What a caller sees of the weather.

use std::borrow::Cow;

use chrono::NaiveDate;
use mcp_chassis::Freshness;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::location::Coordinates;

/// The unit of every temperature of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Units {
    /// Degrees Celsius.
    #[default]
    Celsius,
    /// Degrees Fahrenheit.
    Fahrenheit,
}

impl Units {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Celsius => "celsius",
            Self::Fahrenheit => "fahrenheit",
        }
    }
}

/// Who measured or computed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Source {
    /// Open-Meteo.com.
    #[serde(rename = "open-meteo")]
    OpenMeteo,
    /// wttr.in, which stands in for it.
    #[serde(rename = "wttr.in")]
    Wttr,
}

impl Source {
    /// The name as people know it.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::OpenMeteo => "Open-Meteo",
            Self::Wttr => "wttr.in",
        }
    }

    /// What the licence asks to be said (CC BY 4.0 section 3a).
    pub(crate) fn attribution(self) -> &'static str {
        match self {
            Self::OpenMeteo => "Weather data by Open-Meteo.com, CC BY 4.0",
            Self::Wttr => "Weather data by wttr.in",
        }
    }
}

/// Whence an answer is; part of every answer.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(crate) struct Origin {
    /// Who measured or computed it
    source: Source,
    /// Show it wherever you show the data
    attribution: &'static str,
    /// Present when the source fails now and this is its last answer; `_meta` has its age
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

impl Origin {
    pub(crate) fn new(source: Source, freshness: Freshness) -> Self {
        let stale = freshness.state == mcp_chassis::CacheState::Stale;
        Self { source, attribution: source.attribution(), stale }
    }
}

/// A place that a name may mean.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// Its name in English
    pub(crate) name: String,
    /// The state, province or county
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// The country
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country: Option<String>,
    /// Degrees north
    pub(crate) latitude: f64,
    /// Degrees east
    pub(crate) longitude: f64,
    /// The time zone's name, like `Europe/Berlin`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timezone: Option<String>,
    /// How many people live there
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) population: Option<u64>,
}

impl Place {
    /// `Springfield, Illinois, United States`.
    pub(crate) fn label(&self) -> String {
        let mut parts = vec![self.name.as_str()];
        for part in [&self.region, &self.country].into_iter().flatten() {
            if parts.last() != Some(&part.as_str()) {
                parts.push(part);
            }
        }
        parts.join(", ")
    }

    pub(crate) fn coordinates(&self) -> Option<Coordinates> {
        Coordinates::new(self.latitude, self.longitude)
    }

    /// How many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let others = [&self.region, &self.country, &self.timezone].into_iter().flatten();
        size_of::<Self>() + self.name.len() + others.map(String::len).sum::<usize>()
    }
}

/// One day.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Day {
    /// In the place's own time zone
    #[schemars(with = "NaiveDate")]
    pub(crate) date: String,
    /// The highest temperature
    pub(crate) max: f64,
    /// The lowest temperature
    pub(crate) min: f64,
    /// The most severe weather of the day, in words
    pub(crate) conditions: Cow<'static, str>,
    /// The mean temperature
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mean: Option<f64>,
    /// Rain, showers and snow in millimetres of water
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) precipitation_mm: Option<f64>,
    /// How likely precipitation is, in percent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) precipitation_probability_pct: Option<f64>,
}

/// One hour.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Hour {
    /// In the place's own time zone, like `2026-01-31T14:00`
    pub(crate) time: String,
    /// The temperature
    pub(crate) temperature: f64,
    /// The weather in words
    pub(crate) conditions: Cow<'static, str>,
    /// How likely precipitation is, in percent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) precipitation_probability_pct: Option<f64>,
}

/// The weather now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Current {
    /// The temperature now
    pub(crate) temperature: f64,
    /// The weather now, in words
    pub(crate) conditions: Cow<'static, str>,
    /// Relative humidity in percent
    pub(crate) humidity_pct: Option<f64>,
    /// Wind in kilometres per hour, whatever the units of the temperatures
    pub(crate) wind_kmh: Option<f64>,
}

/// The weather of a place, now and later.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) source: Source,
    pub(crate) current: Current,
    pub(crate) days: Vec<Day>,
    pub(crate) hours: Vec<Hour>,
}

/// What is in the air; concentrations in micrograms per cubic metre.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Air {
    /// When, in the place's own time zone
    pub(crate) time: String,
    /// The European index: up to 20 good, 40 fair, 60 moderate, 80 poor, 100 very poor, above extremely poor
    pub(crate) european_aqi: Option<f64>,
    /// The European index in a word
    pub(crate) category: &'static str,
    /// The index of the United States, 0 to 500
    pub(crate) us_aqi: Option<f64>,
    /// Particles below 2.5 µm
    pub(crate) pm2_5: Option<f64>,
    /// Particles below 10 µm
    pub(crate) pm10: Option<f64>,
    /// Ozone
    pub(crate) ozone: Option<f64>,
    /// Nitrogen dioxide
    pub(crate) nitrogen_dioxide: Option<f64>,
    /// Sulphur dioxide
    pub(crate) sulphur_dioxide: Option<f64>,
    /// Carbon monoxide
    pub(crate) carbon_monoxide: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_nothing_twice() {
        let place = |name: &str, region: Option<&str>, country: Option<&str>| Place {
            name: name.into(),
            region: region.map(Into::into),
            country: country.map(Into::into),
            latitude: 0.0,
            longitude: 0.0,
            timezone: None,
            population: None,
        };
        assert_eq!(place("Berlin", Some("Berlin"), Some("Germany")).label(), "Berlin, Germany");
        assert_eq!(place("Bonn", Some("NRW"), Some("Germany")).label(), "Bonn, NRW, Germany");
        assert_eq!(place("Atlantis", None, None).label(), "Atlantis");
    }
}
