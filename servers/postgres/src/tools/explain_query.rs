//! `explain_query`.

use mcp_chassis::{Budget, CallContext, Error, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use validator::Validate;

use crate::{Postgres, plan::Plan, server::DEADLINE_SECS};

/// Tells how PostgreSQL would run a query, and which steps cost most. With `analyze` it runs the query and tells what
/// really happened; the rows are not returned.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainQuery {
    /// One query, without EXPLAIN, with `$1`, `$2`, … where values go
    #[validate(length(min = 1, max = 32_768))]
    sql: String,
    /// The values of `$1`, `$2`, …
    #[serde(default)]
    #[validate(length(max = 100))]
    params: Vec<Value>,
    /// Run the query and measure it
    #[serde(default)]
    analyze: bool,
}

impl ToolOutput for Plan {}

impl Tool for ExplainQuery {
    type Server = Postgres;
    type Output = Plan;

    const SPEC: ToolSpec = ToolSpec::read("explain_query", "Explain query")
        .scopes(&["postgres:read"])
        .deadline_secs(DEADLINE_SECS)
        .output_budget(Budget::tokens(20_000))
        .flagged_text(&["database"]);

    async fn call(self, server: &Postgres, _context: &CallContext) -> Result<Plan> {
        let answer = server.explain(&self.sql, &self.params, self.analyze).await?;
        let cell = answer.rows.first().and_then(|row| row.first());
        Plan::read(cell.unwrap_or(&Value::Null))
            .ok_or_else(|| Error::internal("EXPLAIN answered in a form that is not known"))
    }
}
