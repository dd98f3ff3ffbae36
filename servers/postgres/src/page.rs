//! Which rows of a result are wanted, and the cursor that names those after them.

use mcp_chassis::{ArgumentsHash, Error, JsonObject, Result};
use serde_json::{Value, json};

/// Some rows of a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// How many rows stand before them.
    pub(crate) skip: u32,
    /// How many at most.
    pub(crate) limit: u32,
}

/// The pages of one statement with its values. A cursor of theirs is of no use to another.
#[derive(Debug)]
pub(crate) struct Pages {
    statement: String,
}

/// Digits of the hash that a cursor carries: it is checked against a mistake, not against an attack, since whoever may
/// ask for a later page may as well ask for it in SQL.
const DIGITS: usize = 16;

impl Pages {
    pub(crate) fn of(sql: &str, parameters: &[Value]) -> Result<Self> {
        let named = [("sql", json!(sql)), ("params", json!(parameters))];
        let named: JsonObject =
            named.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        let statement = ArgumentsHash::of(&named)?.as_str().chars().take(DIGITS).collect();
        Ok(Self { statement })
    }

    /// What goes on after so many rows.
    pub(crate) fn cursor(&self, rows: u32) -> String {
        format!("{rows}-{}", self.statement)
    }

    /// How many rows stand before the page that a cursor names.
    ///
    /// # Errors
    /// When it is not one of this statement with these values.
    pub(crate) fn place(&self, cursor: Option<&str>) -> Result<u32> {
        let Some(cursor) = cursor else { return Ok(0) };
        cursor
            .split_once('-')
            .filter(|(_, statement)| *statement == self.statement)
            .and_then(|(rows, _)| rows.parse().ok())
            .ok_or_else(|| {
                Error::invalid("cursor", "is not one of this statement with these values")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_holds_for_its_statement_and_its_values_alone() {
        let pages = |sql, value| Pages::of(sql, &[value]).unwrap();
        let cursor = pages("SELECT $1", json!(1)).cursor(300);
        assert_eq!(pages("SELECT $1", json!(1)).place(Some(&cursor)).unwrap(), 300);
        assert_eq!(pages("SELECT $1", json!(1)).place(None).unwrap(), 0);
        assert!(pages("SELECT $1", json!(2)).place(Some(&cursor)).is_err());
        assert!(pages("SELECT  $1", json!(1)).place(Some(&cursor)).is_err());
        for forged in [
            "",
            "300",
            "-",
            "x-y",
            &cursor.replace("300", "-1"),
            &cursor.replace("300", "99999999999"),
        ] {
            assert!(pages("SELECT $1", json!(1)).place(Some(forged)).is_err(), "{forged}");
        }
    }
}
