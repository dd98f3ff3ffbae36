//! `top_queries`.

use mcp_chassis::{
    Budget, CallContext, Error, ErrorKind, PageCut, Result, Tool, ToolOutput, ToolSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::Postgres;

/// Lists the statements that took most time in this database, from the extension `pg_stat_statements`. Values in them
/// are replaced by `$1`, `$2`, ….
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopQueries {
    /// How many at most
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100))]
    limit: u32,
}

fn default_limit() -> u32 {
    30
}

/// The costliest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CostlyQueries {
    queries: Vec<CostlyQuery>,
}

#[derive(Debug, Serialize, JsonSchema, Deserialize)]
struct CostlyQuery {
    /// The statement, its first 2,000 characters
    query: Option<String>,
    calls: i64,
    total_ms: f64,
    mean_ms: f64,
    rows: i64,
    /// The share of blocks that were found in memory, from 0 to 1
    cache_hit_ratio: Option<f64>,
}

impl ToolOutput for CostlyQueries {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "queries", ..PageCut::default() })
    }
}

const EXTENSION: &str = "
    SELECT extname::text FROM pg_extension WHERE extname = 'pg_stat_statements'";

/// Only of statements that are planned does the extension take the values out. Others keep them, passwords of roles
/// and what callers of ours looked for among them (`DECLARE … WHERE …`).
const QUERIES: &str = "
    SELECT left(query, 2000) AS query, calls, total_exec_time AS total_ms, mean_exec_time AS mean_ms, rows,
        shared_blks_hit::float8 / nullif(shared_blks_hit + shared_blks_read, 0) AS cache_hit_ratio
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND query ~* '^(\\s|--[^\\n]*\\n|/\\*.*?\\*/|\\()*(select|with|values|table|insert|update|delete|merge)\\y'
    ORDER BY total_exec_time DESC LIMIT $1::int8";

impl Tool for TopQueries {
    type Server = Postgres;
    type Output = CostlyQueries;

    const SPEC: ToolSpec = ToolSpec::read("top_queries", "Top queries")
        .scopes(&["postgres:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(40_000))
        .outside_text(&["database"]);

    async fn call(self, server: &Postgres, _context: &CallContext) -> Result<CostlyQueries> {
        let extension: Vec<(String,)> = server.database.rows(EXTENSION, &[]).await?;
        if extension.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "pg_stat_statements is not there: an operator can add it to shared_preload_libraries and run CREATE \
                 EXTENSION pg_stat_statements",
            ));
        }
        let limit = self.limit.to_string();
        Ok(CostlyQueries { queries: server.database.rows(QUERIES, &[Some(&limit)]).await? })
    }
}
