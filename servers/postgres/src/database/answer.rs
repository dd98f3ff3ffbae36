//! Rows as they come, under caps.

use std::io;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::DataRowBody;
use serde::Serialize;
use serde_json::Value;

use super::cells;

/// How much of a result is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// How many rows are passed over first.
    pub(crate) skip: u32,
    pub(crate) rows: u32,
    /// Of all cells together, as text.
    pub(crate) bytes: usize,
    /// Nobody's request waits for it, so it may take as long as a task.
    pub(crate) is_task: bool,
}

impl Caps {
    /// For queries of our own, whose results have an end.
    pub(super) const NONE: Self =
        Self { skip: 0, rows: u32::MAX, bytes: usize::MAX, is_task: false };
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
    skipped: u32,
    bytes: usize,
    /// Name and type number.
    pub(super) columns: Vec<(String, u32)>,
    /// Type numbers.
    pub(super) parameters: Vec<u32>,
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) truncated: bool,
    /// Whether the database still has to send what nobody wants.
    pub(super) is_cut: bool,
}

impl Collector {
    pub(super) fn new(caps: Caps) -> Self {
        let (columns, parameters, rows) = (Vec::new(), Vec::new(), Vec::new());
        let (skipped, bytes) = (0, 0);
        Self { caps, skipped, bytes, columns, parameters, rows, truncated: false, is_cut: false }
    }

    /// The largest message of a row for which there is still room: its cells, and numbers around them.
    pub(super) fn largest_row(&self) -> usize {
        let room = self.caps.bytes.saturating_sub(self.bytes);
        room.saturating_add(self.columns.len() * 4 + 6)
    }

    /// Ends with the rows that there are.
    pub(super) fn cut(&mut self) {
        (self.is_cut, self.truncated) = (true, true);
    }

    /// Keeps a row, or notes that there is no place for it.
    pub(super) fn add(&mut self, row: &DataRowBody) -> io::Result<()> {
        if self.skipped < self.caps.skip {
            self.skipped += 1;
            return Ok(());
        }
        let is_full = self.rows.len() >= usize::try_from(self.caps.rows).unwrap_or(usize::MAX);
        if is_full || self.is_cut {
            self.truncated = true;
            return Ok(());
        }
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut bytes = 0;
        let (mut ranges, mut columns) = (row.ranges(), self.columns.iter());
        while let Some((range, (_, oid))) = ranges.next()?.zip(columns.next()) {
            let Some(cell) = range.and_then(|range| row.buffer().get(range)) else {
                bytes += "null".len();
                cells.push(Value::Null);
                continue;
            };
            bytes += cell.len();
            if self.bytes + bytes > self.caps.bytes {
                self.cut();
                return Ok(());
            }
            // A database without an encoding (`SQL_ASCII`) sends any bytes.
            cells.push(cells::cell(*oid, &String::from_utf8_lossy(cell)));
        }
        self.bytes += bytes;
        self.rows.push(cells);
        Ok(())
    }
}
