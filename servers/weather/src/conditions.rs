//! Weather codes of the WMO in words (table 4677, in Open-Meteo's selection).

/// What a code means; a code that is not in the table is `unknown`.
pub(crate) fn words(code: Option<f64>) -> &'static str {
    let Some(code) = code else { return "unknown" };
    // Codes are small whole numbers; what is none falls through to `unknown`.
    let known = CODES.iter().find(|(known, _)| (f64::from(*known) - code).abs() < 0.5);
    known.map_or("unknown", |(_, words)| words)
}

const CODES: [(u8, &str); 28] = [
    (0, "clear sky"),
    (1, "mainly clear"),
    (2, "partly cloudy"),
    (3, "overcast"),
    (45, "fog"),
    (48, "depositing rime fog"),
    (51, "light drizzle"),
    (53, "moderate drizzle"),
    (55, "dense drizzle"),
    (56, "light freezing drizzle"),
    (57, "dense freezing drizzle"),
    (61, "slight rain"),
    (63, "moderate rain"),
    (65, "heavy rain"),
    (66, "light freezing rain"),
    (67, "heavy freezing rain"),
    (71, "slight snowfall"),
    (73, "moderate snowfall"),
    (75, "heavy snowfall"),
    (77, "snow grains"),
    (80, "slight rain showers"),
    (81, "moderate rain showers"),
    (82, "violent rain showers"),
    (85, "slight snow showers"),
    (86, "heavy snow showers"),
    (95, "thunderstorm"),
    (96, "thunderstorm with slight hail"),
    (99, "thunderstorm with heavy hail"),
];

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn codes_become_words() {
        assert_eq!(words(Some(0.0)), "clear sky");
        assert_eq!(words(Some(63.0)), "moderate rain");
        assert_eq!(words(Some(99.0)), "thunderstorm with heavy hail");
        for code in [None, Some(4.0), Some(-1.0), Some(1e300), Some(f64::NAN)] {
            assert_eq!(words(code), "unknown");
        }
    }
}
