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
    /// Whether there are more
    truncated: bool,
    /// From the statement's arrival to its last row, in milliseconds
    elapsed_ms: f64,
}

impl Table {
    pub(crate) fn new(answer: Answer, started: Instant) -> Self {
        let Answer { columns, rows, truncated } = answer;
        let elapsed_ms = milliseconds(started.elapsed());
        Self { columns, row_count: rows.len(), rows, truncated, elapsed_ms }
    }
}

impl ToolOutput for Table {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "rows", cursors: Vec::new(), count: Some("row_count") })
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
        .becomes_task(BecomesTask::AfterMillis(INLINE_MILLIS), TASK_SECS);

    async fn call(self, server: &Postgres, context: &CallContext) -> Result<Table> {
        let started = Instant::now();
        let limits = (self.limit, context.may_become_task());
        let query = server.query(&self.sql, &self.params, limits);
        let answer = context.tell_while("PostgreSQL works on it", query).await?;
        Ok(Table::new(answer, started))
    }
}
