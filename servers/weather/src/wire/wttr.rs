//! wttr.in as JSON: <https://wttr.in/:help>, `format=j1`. Every number is a string.

use serde::Deserialize;

use crate::models::{self, Units};

/// The hour whose weather stands for its day: noon.
const NOON: &str = "1200";
/// The longest description that is passed on, in characters.
const MAX_WORDS: usize = 60;

/// `/{place}?format=j1`.
#[derive(Debug, Deserialize)]
pub(crate) struct Weather {
    current_condition: Vec<Current>,
    weather: Vec<Day>,
}

#[derive(Debug, Deserialize)]
struct Current {
    #[serde(rename = "temp_C")]
    celsius: String,
    #[serde(rename = "temp_F")]
    fahrenheit: String,
    humidity: Option<String>,
    #[serde(rename = "windspeedKmph")]
    wind_kmh: Option<String>,
    #[serde(rename = "weatherDesc", default)]
    words: Vec<Words>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Day {
    date: String,
    #[serde(rename = "maxtempC")]
    max_celsius: String,
    #[serde(rename = "mintempC")]
    min_celsius: String,
    #[serde(rename = "maxtempF")]
    max_fahrenheit: String,
    #[serde(rename = "mintempF")]
    min_fahrenheit: String,
    #[serde(default)]
    hourly: Vec<Hour>,
}

#[derive(Debug, Deserialize)]
struct Hour {
    time: String,
    #[serde(rename = "weatherDesc", default)]
    words: Vec<Words>,
}

#[derive(Debug, Deserialize)]
struct Words {
    value: String,
}

impl Weather {
    /// The weather of now and of up to `days` days; `None` when there is no temperature of now.
    pub(crate) fn into_report(self, units: Units, days: usize) -> Option<models::Report> {
        let now = self.current_condition.first()?;
        let temperature = match units {
            Units::Celsius => &now.celsius,
            Units::Fahrenheit => &now.fahrenheit,
        };
        Some(models::Report {
            source: models::Source::Wttr,
            current: models::Current {
                temperature: number(temperature)?,
                conditions: words(&now.words).into(),
                humidity_pct: now.humidity.as_deref().and_then(number),
                wind_kmh: now.wind_kmh.as_deref().and_then(number),
            },
            days: self.weather.iter().take(days).filter_map(|day| day.read(units)).collect(),
            hours: Vec::new(),
        })
    }
}

impl Day {
    fn read(&self, units: Units) -> Option<models::Day> {
        let (max, min) = match units {
            Units::Celsius => (&self.max_celsius, &self.min_celsius),
            Units::Fahrenheit => (&self.max_fahrenheit, &self.min_fahrenheit),
        };
        let noon = self.hourly.iter().find(|hour| hour.time == NOON).or(self.hourly.first());
        Some(models::Day {
            date: super::date(&self.date)?,
            max: number(max)?,
            min: number(min)?,
            conditions: noon.map_or_else(|| "unknown".to_owned(), |hour| words(&hour.words)).into(),
            mean: None,
            precipitation_mm: None,
            precipitation_probability_pct: None,
        })
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The first description, in the form of ours: short and in lower case.
fn words(words: &[Words]) -> String {
    let first = words.first().map_or("unknown", |words| words.value.trim());
    first.chars().take(MAX_WORDS).collect::<String>().to_lowercase()
}
