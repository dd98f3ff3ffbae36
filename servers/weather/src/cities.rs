//! The cities that this server names as examples and completes.

use std::{fs::File, io::Read, path::Path};

use serde::Deserialize;

use crate::location::PlaceName;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;
/// The most cities.
const MAX_CITIES: usize = 1_000;

/// The cities of a deployment that names none.
pub(crate) fn built_in() -> Vec<String> {
    ["Warsaw", "Berlin", "London", "New York", "Tokyo", "Sydney"].map(str::to_owned).to_vec()
}

/// Reads a file of cities.
///
/// # Errors
/// What is wrong with it, in words that do not repeat it.
pub(crate) fn read(path: &Path) -> Result<Vec<String>, String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > MAX_FILE {
        return Err("is larger than 64 KiB".to_owned());
    }
    parse(&text)
}

/// The resource's own form, or a list, or lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Resource { cities: Vec<PlaceName> },
    List(Vec<PlaceName>),
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let cities: Vec<PlaceName> = if text.trim_start().starts_with(['{', '[']) {
        let listed = serde_json::from_str(text);
        match listed.map_err(|_error| "must be JSON like `{\"cities\": [\"Berlin\"]}`")? {
            Listed::Resource { cities } | Listed::List(cities) => cities,
        }
    } else {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let named = lines.zip(1..).map(|(line, number)| {
            PlaceName::try_from(line.to_owned())
                .map_err(|_error| format!("line {number} is not the name of a place"))
        });
        named.collect::<Result<_, _>>()?
    };
    match cities.len() {
        1..=MAX_CITIES => Ok(cities.into_iter().map(String::from).collect()),
        _ => Err(format!("must name 1 to {MAX_CITIES} cities")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cities_are_read_from_lines_and_from_json() {
        for text in
            ["Oslo\n\n  Cairo  \n", r#"{ "cities": ["Oslo", "Cairo"] }"#, r#"["Oslo", "Cairo"]"#]
        {
            assert_eq!(parse(text).unwrap(), ["Oslo", "Cairo"], "{text}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let many = "Oslo\n".repeat(MAX_CITIES + 1);
        for text in ["", "\n", "{}", "[1]", "[", "Oslo\n../etc/passwd", "[\"a\\u0000\"]", &many] {
            assert!(parse(text).is_err(), "{text:.20}");
        }
    }
}
