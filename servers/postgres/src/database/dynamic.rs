//! Every text of SQL that is put together at run time, in one place.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::bind::ParameterType;

/// What stands before a statement when it is opened as a cursor.
pub(super) const DECLARE: &str = "DECLARE mcp_cursor NO SCROLL CURSOR FOR ";

/// SQL that is not a constant of ours.
#[derive(Debug)]
pub(super) struct Dynamic(String);

impl Dynamic {
    /// A cursor over a checked statement. The text is the user's own, unchanged, behind our prefix; it goes by the
    /// extended protocol, where PostgreSQL takes one statement and no more.
    pub(super) fn cursor(checked: &str) -> Self {
        Self(format!("{DECLARE}{checked}"))
    }

    /// A checked `EXPLAIN` or `SHOW`, which no cursor can be opened over; or a refused text that is only parsed. By the
    /// extended protocol too.
    pub(super) fn direct(checked: &str) -> Self {
        Self(checked.to_owned())
    }

    /// The next rows of the cursor, in text form.
    pub(super) fn fetch(rows: u32) -> Self {
        Self(format!("FETCH FORWARD {rows} FROM mcp_cursor"))
    }

    /// Texts as PostgreSQL itself sends values of these types. Names are from the catalogue, quoted there.
    pub(super) fn convert(types: &[ParameterType]) -> Self {
        let column = |(number, it): (usize, &ParameterType)| {
            format!("{}(CAST(($1::text[])[{number}] AS {}))", it.send, it.name)
        };
        let columns: Vec<_> = (1..).zip(types).map(column).collect();
        Self(format!("SELECT {}", columns.join(", ")))
    }
}

impl SqlSafeStr for Dynamic {
    fn into_sql_str(self) -> SqlStr {
        // The reviewed place: everything that gets here was made above.
        AssertSqlSafe(self.0).into_sql_str()
    }
}
