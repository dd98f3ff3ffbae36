//! Rows as they come, under caps.

use serde::Serialize;
use serde_json::Value;
use sqlx::{
    Column as _, Row as _, ValueRef as _,
    postgres::{PgColumn, PgRow},
};

use super::{QueryError, cells};

/// How much of a result is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) rows: u32,
    /// Of all cells together, as text.
    pub(crate) bytes: usize,
}

/// Columns and rows.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Names with types; names may repeat, and there may be none.
    pub(crate) columns: Vec<AnswerColumn>,
    pub(crate) rows: Vec<Vec<Value>>,
    /// Whether there was more.
    pub(crate) truncated: bool,
}

/// One column of an answer.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct AnswerColumn {
    /// As the statement names it; not always unique
    pub(crate) name: String,
    /// PostgreSQL's name of the type
    #[serde(rename = "type")]
    pub(crate) type_name: String,
}

/// Collects rows until a cap is reached.
#[derive(Debug)]
pub(super) struct Collector {
    caps: Caps,
    bytes: usize,
    /// Name and type number.
    pub(super) columns: Vec<(String, u32)>,
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) truncated: bool,
    /// Whether the database still has much to send, so that the connection is not worth keeping.
    pub(super) is_cut: bool,
}

impl Collector {
    pub(super) fn new(caps: Caps) -> Self {
        let (columns, rows) = (Vec::new(), Vec::new());
        Self { caps, bytes: 0, columns, rows, truncated: false, is_cut: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.columns.is_empty()
    }

    pub(super) fn describe(&mut self, columns: &[PgColumn]) {
        let oid = |column: &PgColumn| column.type_info().oid().map_or(0, |oid| oid.0);
        self.columns = columns.iter().map(|it| (it.name().to_owned(), oid(it))).collect();
    }

    /// Keeps a row, or says that there is no place for it.
    pub(super) fn add(&mut self, row: &PgRow) -> Result<bool, QueryError> {
        if self.rows.is_empty() {
            self.describe(row.columns());
        }
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut bytes = 0;
        for (index, (_, oid)) in self.columns.iter().enumerate() {
            let value = row.try_get_raw(index)?;
            if value.is_null() {
                bytes += "null".len();
                cells.push(Value::Null);
                continue;
            }
            let text = value.as_str().map_err(QueryError::Internal)?;
            bytes += text.len();
            if self.bytes + bytes <= self.caps.bytes {
                cells.push(cells::cell(*oid, text));
            }
        }
        let is_full = self.rows.len() >= usize::try_from(self.caps.rows).unwrap_or(usize::MAX);
        self.is_cut = !is_full && self.bytes + bytes > self.caps.bytes;
        self.truncated = is_full || self.is_cut;
        if self.truncated {
            return Ok(false);
        }
        self.bytes += bytes;
        self.rows.push(cells);
        Ok(true)
    }
}
