//! Open-Meteo: <https://open-meteo.com/en/docs>, and its pages on geocoding, air quality and the archive.

use chrono::NaiveDateTime;
use serde::Deserialize;

use crate::{conditions, models};

/// The longest series that is read, in days and in hours.
const MAX_DAYS: usize = 366;
const MAX_HOURS: usize = 7 * 24;

/// `/v1/search`; without matches there are no `results` at all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    results: Vec<Place>,
}

#[derive(Debug, Deserialize)]
struct Place {
    name: String,
    admin1: Option<String>,
    country: Option<String>,
    latitude: f64,
    longitude: f64,
    timezone: Option<String>,
    population: Option<u64>,
}

impl From<Search> for Vec<models::Place> {
    fn from(search: Search) -> Self {
        let place = |place: Place| models::Place {
            name: place.name,
            region: place.admin1,
            country: place.country,
            latitude: place.latitude,
            longitude: place.longitude,
            timezone: place.timezone,
            population: place.population,
        };
        let places = search.results.into_iter().map(place);
        places.filter(|place| place.coordinates().is_some()).collect()
    }
}

/// `/v1/forecast` and `/v1/archive`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Forecast {
    current: Current,
    daily: Daily,
    hourly: Hourly,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Current {
    temperature_2m: Option<f64>,
    relative_humidity_2m: Option<f64>,
    weather_code: Option<f64>,
    wind_speed_10m: Option<f64>,
}

/// A column for each variable, as long as `time`; days that are not known yet are null.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Daily {
    time: Vec<String>,
    weather_code: Vec<Option<f64>>,
    temperature_2m_max: Vec<Option<f64>>,
    temperature_2m_min: Vec<Option<f64>>,
    temperature_2m_mean: Vec<Option<f64>>,
    precipitation_sum: Vec<Option<f64>>,
    precipitation_probability_max: Vec<Option<f64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Hourly {
    time: Vec<String>,
    temperature_2m: Vec<Option<f64>>,
    weather_code: Vec<Option<f64>>,
    precipitation_probability: Vec<Option<f64>>,
}

impl Forecast {
    /// The weather; `None` when the answer has no temperature of now, and so is none of ours.
    pub(crate) fn into_report(self) -> Option<models::Report> {
        let Self { current, daily, hourly } = self;
        Some(models::Report {
            source: models::Source::OpenMeteo,
            current: models::Current {
                temperature: current.temperature_2m?,
                conditions: conditions::words(current.weather_code).into(),
                humidity_pct: current.relative_humidity_2m,
                wind_kmh: current.wind_speed_10m,
            },
            days: daily.days(),
            hours: hourly.hours(),
        })
    }

    /// The days that are known; `None` when the answer has no days at all.
    pub(crate) fn into_days(self) -> Option<Vec<models::Day>> {
        (!self.daily.time.is_empty()).then(|| self.daily.days())
    }
}

impl Daily {
    fn days(&self) -> Vec<models::Day> {
        let day = |(index, date): (usize, &String)| {
            Some(models::Day {
                date: super::date(date)?,
                max: at(&self.temperature_2m_max, index)?,
                min: at(&self.temperature_2m_min, index)?,
                conditions: conditions::words(at(&self.weather_code, index)).into(),
                mean: at(&self.temperature_2m_mean, index),
                precipitation_mm: at(&self.precipitation_sum, index),
                precipitation_probability_pct: at(&self.precipitation_probability_max, index),
            })
        };
        self.time.iter().take(MAX_DAYS).enumerate().filter_map(day).collect()
    }
}

impl Hourly {
    fn hours(&self) -> Vec<models::Hour> {
        let hour = |(index, time): (usize, &String)| {
            Some(models::Hour {
                time: local_time(time)?,
                temperature: at(&self.temperature_2m, index)?,
                conditions: conditions::words(at(&self.weather_code, index)).into(),
                precipitation_probability_pct: at(&self.precipitation_probability, index),
            })
        };
        self.time.iter().take(MAX_HOURS).enumerate().filter_map(hour).collect()
    }
}

/// `/v1/air-quality`.
#[derive(Debug, Deserialize)]
pub(crate) struct AirQuality {
    current: Air,
}

#[derive(Debug, Deserialize)]
struct Air {
    time: String,
    european_aqi: Option<f64>,
    us_aqi: Option<f64>,
    pm2_5: Option<f64>,
    pm10: Option<f64>,
    ozone: Option<f64>,
    nitrogen_dioxide: Option<f64>,
    sulphur_dioxide: Option<f64>,
    carbon_monoxide: Option<f64>,
}

impl AirQuality {
    /// What is in the air; `None` when the time is none.
    pub(crate) fn into_air(self) -> Option<models::Air> {
        let air = self.current;
        Some(models::Air {
            time: local_time(&air.time)?,
            european_aqi: air.european_aqi,
            category: category(air.european_aqi),
            us_aqi: air.us_aqi,
            pm2_5: air.pm2_5,
            pm10: air.pm10,
            ozone: air.ozone,
            nitrogen_dioxide: air.nitrogen_dioxide,
            sulphur_dioxide: air.sulphur_dioxide,
            carbon_monoxide: air.carbon_monoxide,
        })
    }
}

/// The bands of the European air quality index.
fn category(index: Option<f64>) -> &'static str {
    match index {
        None => "unknown",
        Some(index) if index <= 20.0 => "good",
        Some(index) if index <= 40.0 => "fair",
        Some(index) if index <= 60.0 => "moderate",
        Some(index) if index <= 80.0 => "poor",
        Some(index) if index <= 100.0 => "very poor",
        Some(_) => "extremely poor",
    }
}

fn at(column: &[Option<f64>], index: usize) -> Option<f64> {
    column.get(index).copied().flatten()
}

/// A time without its zone, checked and written anew.
fn local_time(text: &str) -> Option<String> {
    const FORM: &str = "%Y-%m-%dT%H:%M";
    Some(NaiveDateTime::parse_from_str(text, FORM).ok()?.format(FORM).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_that_is_not_known_yet_is_left_out() {
        let forecast: Forecast = serde_json::from_value(json!({ "daily": {
            "time": ["2026-01-01", "2026-01-02", "yesterday", "2026-01-04"],
            "temperature_2m_max": [1.5, null, 3.0, 4.0],
            "temperature_2m_min": [-1.5, null, 1.0],
            "new": ["x"],
        }}))
        .unwrap();
        let days = forecast.into_days().unwrap();
        assert_eq!(days.len(), 1);
        assert_eq!((days[0].max, days[0].conditions.as_ref()), (1.5, "unknown"));
    }

    #[test]
    fn an_answer_without_the_weather_is_none() {
        let forecast: Forecast = serde_json::from_value(json!({ "error": true })).unwrap();
        assert!(forecast.into_report().is_none());
    }

    #[test]
    fn a_series_is_read_to_its_bound() {
        let time: Vec<_> = (0..10_000).map(|_| "2026-01-01T00:00").collect();
        let temperature_2m: Vec<_> = time.iter().map(|_| 1.0).collect();
        let hourly = json!({ "time": time, "temperature_2m": temperature_2m });
        let hourly: Hourly = serde_json::from_value(hourly).unwrap();
        assert_eq!(hourly.hours().len(), MAX_HOURS);
    }

    #[test]
    fn a_place_off_the_globe_is_passed_over() {
        let search: Search = serde_json::from_value(json!({ "results": [
            { "name": "Nowhere", "latitude": 91.0, "longitude": 0.0 },
            { "name": "Somewhere", "latitude": 9.0, "longitude": 0.0 },
        ]}))
        .unwrap();
        let places = Vec::<models::Place>::from(search);
        assert_eq!(places.len(), 1);
    }
}
