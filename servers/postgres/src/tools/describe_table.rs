//! `describe_table`.

use mcp_chassis::{Budget, CallContext, Error, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{Postgres, tables::ColumnLine};

/// Describes one table or view: columns, keys, indexes, comments, size.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct DescribeTable {
    /// The table or view
    #[validate(length(min = 1, max = 63))]
    table: String,
    /// Its schema
    #[serde(default = "default_schema")]
    #[validate(length(min = 1, max = 63))]
    schema: String,
}

fn default_schema() -> String {
    "public".to_owned()
}

/// A table or view.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TableDescription {
    schema: String,
    table: String,
    columns: Vec<ColumnLine>,
    /// Primary, unique and foreign keys, checks and exclusions
    keys: Vec<Key>,
    indexes: Vec<Index>,
    comment: Option<String>,
    /// With indexes, in bytes
    size_bytes: i64,
    /// As of the last ANALYZE; null when there was none
    estimated_rows: Option<i64>,
    /// The query of a view
    #[serde(skip_serializing_if = "Option::is_none")]
    view_query: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema, Deserialize)]
struct Key {
    name: String,
    /// In SQL: `FOREIGN KEY (customer_id) REFERENCES customers(id)`
    definition: String,
}

#[derive(Debug, Serialize, JsonSchema, Deserialize)]
struct Index {
    name: String,
    /// In SQL
    definition: String,
    size_bytes: i64,
}

impl ToolOutput for TableDescription {}

const SIZE: &str = "
    SELECT obj_description(c.oid, 'pg_class'), coalesce(pg_total_relation_size(c.oid), 0),
        CASE WHEN c.reltuples >= 0 AND c.relkind <> 'v' THEN c.reltuples::int8 END,
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";

const KEYS: &str = "
    SELECT k.conname::text AS name, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND k.contype IN ('p', 'u', 'f', 'c', 'x')
    ORDER BY array_position(ARRAY['p', 'u', 'f', 'c', 'x'], k.contype::text), k.conname";

const INDEXES: &str = "
    SELECT i.relname::text AS name, pg_get_indexdef(i.oid) AS definition, pg_relation_size(i.oid) AS size_bytes
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 ORDER BY i.relname";

impl Tool for DescribeTable {
    type Server = Postgres;
    type Output = TableDescription;

    const SPEC: ToolSpec = ToolSpec::read("describe_table", "Describe table")
        .scopes(&["postgres:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["database"])
        .routed(&["schema"])
        .audited(&["schema", "table"]);

    async fn call(self, server: &Postgres, _context: &CallContext) -> Result<TableDescription> {
        let Self { table, schema } = self;
        let columns = server.columns(&schema, &table).await?;
        let named = [Some(schema.as_str()), Some(table.as_str())];
        let keys = server.database.rows(KEYS, &named).await?;
        let indexes = server.database.rows(INDEXES, &named).await?;
        let sizes = server.database.rows(SIZE, &named).await?;
        // It may have been dropped since its columns were read.
        let gone = || Error::not_found("the table is gone");
        let (comment, size_bytes, estimated_rows, view_query) =
            sizes.into_iter().next().ok_or_else(gone)?;
        Ok(TableDescription {
            schema,
            table,
            columns,
            keys,
            indexes,
            comment,
            size_bytes,
            estimated_rows,
            view_query,
        })
    }
}
