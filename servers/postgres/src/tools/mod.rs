//! The tools, a file each.

mod database_health;
mod describe_table;
mod explain_query;
mod list_schemas;
mod list_tables;
mod query_database;
mod search_objects;
mod top_queries;

use mcp_chassis::{Budget, PageSpec};

pub(crate) use database_health::DatabaseHealth;
pub(crate) use describe_table::DescribeTable;
pub(crate) use explain_query::ExplainQuery;
pub(crate) use list_schemas::ListSchemas;
pub(crate) use list_tables::{ListTables, cursor, read_cursor};
pub(crate) use query_database::{QueryDatabase, Table};
pub(crate) use search_objects::SearchObjects;
pub(crate) use top_queries::TopQueries;

/// The grid that shows rows, with a chart of a column and an export.
pub(crate) const GRID: PageSpec =
    PageSpec::page("ui://postgres/rows", "rows", "Rows", include_str!("../../pages/rows.html"))
        .scopes(&["postgres:read"])
        .deadline_secs(5)
        .output_budget(Budget::tokens(40_000))
        .own_text();
