//! `query_database`.

use std::time::Instant;

use mcp_chassis::{BecomesTask, Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use validator::Validate;

use crate::{
    Postgres,
    database::{Answer, AnswerColumn},
    page::{Pages, Window},
    server::{DEADLINE_SECS, INLINE_MILLIS, TASK_SECS, milliseconds},
};

/// Runs one read-only SQL statement: SELECT, VALUES, TABLE, WITH … SELECT, EXPLAIN or SHOW. Anything that could change
/// something is refused. Integers beyond 2^53 and `numeric` come as strings, bytea as `\x…`, times in UTC.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryDatabase {
    /// One statement, with `$1`, `$2`, … where values go
    #[validate(length(min = 1, max = 32_768))]
    sql: String,
    /// The values of `$1`, `$2`, …, as many as the statement has: JSON values, dates and the like as strings
    #[serde(default)]
    #[validate(length(max = 100))]
    params: Vec<Value>,
    /// The most rows of the answer; `truncated` says whether there are more
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 1_000))]
    limit: u32,
    /// `next_cursor` of an earlier answer to the same statement and values; without ORDER BY pages may overlap
    #[validate(length(max = 200))]
    cursor: Option<String>,
}

fn default_limit() -> u32 {
    100
}

/// Rows as arrays, in the order of `columns`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Table {
    columns: Vec<AnswerColumn>,
    /// One array a row
    rows: Vec<Vec<Value>>,
    /// How many rows are here
    row_count: usize,
    /// Pass it as `cursor` to go on, where the tool takes one
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there are more
    truncated: bool,
    /// From the statement's arrival to its last row, in milliseconds
    elapsed_ms: f64,
    #[serde(skip)]
    cursors: Vec<String>,
}

impl Table {
    pub(crate) fn new(answer: Answer, started: Instant) -> Self {
        let Answer { columns, rows, truncated } = answer;
        let elapsed_ms = milliseconds(started.elapsed());
        let row_count = rows.len();
        let (next_cursor, cursors) = (None, Vec::new());
        Self { columns, rows, row_count, next_cursor, truncated, elapsed_ms, cursors }
    }

    /// The same table as one of the pages of its statement, behind `skip` rows.
    fn paged(self, pages: &Pages, skip: u32) -> Self {
        let ends = (1..).take(self.row_count).map(|row: u32| skip.saturating_add(row));
        let cursors: Vec<_> = ends.map(|rows| pages.cursor(rows)).collect();
        let next_cursor = cursors.last().filter(|_| self.truncated).cloned();
        Self { next_cursor, cursors, ..self }
    }
}

impl ToolOutput for Table {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "rows", cursors: self.cursors.clone(), count: Some("row_count") })
    }

    fn into_json(mut self) -> serde_json::Result<Value> {
        let rows = self.rows.drain(..).map(Value::Array).collect();
        let mut table = serde_json::to_value(self)?;
        if let Some(empty) = table.get_mut("rows") {
            *empty = Value::Array(rows);
        }
        Ok(table)
    }
}

impl Tool for QueryDatabase {
    type Server = Postgres;
    type Output = Table;

    const SPEC: ToolSpec = ToolSpec::read("query_database", "Query database")
        .scopes(&["postgres:read"])
        .deadline_secs(DEADLINE_SECS)
        .output_budget(Budget::tokens(500_000))
        .flagged_text(&["database"])
        .becomes_task(BecomesTask::AfterMillis(INLINE_MILLIS), TASK_SECS)
        .shown_by(&super::GRID);

    async fn call(self, server: &Postgres, context: &CallContext) -> Result<Table> {
        let started = Instant::now();
        let pages = Pages::of(&self.sql, &self.params)?;
        let skip = pages.place(self.cursor.as_deref())?;
        let window = Window { skip, limit: self.limit };
        let query = server.query(&self.sql, &self.params, (window, context.may_become_task()));
        let answer = context.tell_while("PostgreSQL works on it", query).await?;
        Ok(Table::new(answer, started).paged(&pages, skip))
    }
}
