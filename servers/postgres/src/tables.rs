//! Tables and their columns as the catalogue has them, within the allowed schemas: for tools, resources and
//! the prompt alike.

use mcp_chassis::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Postgres, database::QueryError, verdict::Policy};

/// One line of a list of tables.
#[derive(Debug, Serialize, JsonSchema, Deserialize)]
pub(crate) struct TableLine {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// `table`, `partitioned table`, `view`, `materialized view` or `foreign table`
    pub(crate) kind: String,
    /// As of the last ANALYZE; null when there was none
    estimated_rows: Option<i64>,
    comment: Option<String>,
}

/// One column.
#[derive(Debug, Serialize, JsonSchema, Deserialize)]
pub(crate) struct ColumnLine {
    pub(crate) column_name: String,
    pub(crate) data_type: String,
    /// `YES` or `NO`
    pub(crate) is_nullable: String,
    column_default: Option<String>,
    /// Whether it is part of the primary key
    is_primary_key: bool,
    /// The table and column that it refers to
    references: Option<String>,
    /// The values of an enum
    enum_values: Option<Vec<String>>,
    comment: Option<String>,
}

/// The tables after `$2`.`$3`, at most `$4`, in schema `$5` if that is given.
const TABLES: &str = "
    SELECT n.nspname::text AS schema, c.relname::text AS name,
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
            WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END AS kind,
        CASE WHEN c.reltuples >= 0 AND c.relkind <> 'v' THEN c.reltuples::int8 END AS estimated_rows,
        obj_description(c.oid, 'pg_class') AS comment
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
        AND n.nspname !~ '^pg_(toast|temp)' AND ($1 IS NULL OR $1::jsonb ? n.nspname)
        AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
        AND ($2 IS NULL OR (n.nspname::text COLLATE \"C\", c.relname::text COLLATE \"C\") > ($2, $3))
        AND CASE WHEN $5 IS NULL THEN n.nspname NOT IN ('pg_catalog', 'information_schema') ELSE n.nspname = $5 END
    ORDER BY n.nspname::text COLLATE \"C\", c.relname::text COLLATE \"C\"
    LIMIT $4::int8";

const COLUMNS: &str = "
    SELECT a.attname::text AS column_name, format_type(a.atttypid, a.atttypmod) AS data_type,
        CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END AS is_nullable,
        CASE WHEN a.attidentity <> '' THEN 'generated as identity' ELSE pg_get_expr(d.adbin, d.adrelid) END
            AS column_default,
        EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attnum = ANY (k.conkey))
            AS is_primary_key,
        (SELECT k.confrelid::regclass::text || '.' || f.attname FROM pg_constraint k
            JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[array_position(k.conkey, a.attnum)]
            WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey) ORDER BY k.oid LIMIT 1)
            AS references,
        (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid)
            AS enum_values,
        col_description(c.oid, a.attnum) AS comment
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
    ORDER BY a.attnum";

/// Names of tables that begin with `$2`, of every allowed schema.
const COMPLETED: &str = "
    SELECT DISTINCT c.relname::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND starts_with(c.relname, $2)
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND ($1 IS NULL OR $1::jsonb ? n.nspname)
        AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
    ORDER BY 1 LIMIT 100";

const SCHEMAS: &str = "
    SELECT nspname::text FROM pg_namespace
    WHERE starts_with(nspname, $2) AND nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND ($1 IS NULL OR $1::jsonb ? nspname) AND has_schema_privilege(oid, 'USAGE')
    ORDER BY 1 LIMIT 100";

/// Where a list of tables goes on: after this schema and table.
pub(crate) type After = (String, String);

impl Policy {
    /// The allowed schemas for a query of our own; `None` for all.
    pub(crate) fn schemas_as_json(&self) -> Option<String> {
        self.schemas().map(|schemas| serde_json::json!(schemas).to_string())
    }

    /// Refuses a schema that is not allowed.
    pub(crate) fn open(&self, schema: &str) -> Result<(), Error> {
        if self.opens(schema) {
            return Ok(());
        }
        let kind = mcp_chassis::ErrorKind::Forbidden { scopes: Vec::new() };
        Err(Error::new(kind, "this schema is not allowed: `list_schemas` names those that are"))
    }
}

impl Postgres {
    /// At most `limit` tables.
    pub(crate) async fn tables(
        &self,
        schema: Option<&str>,
        after: Option<After>,
        limit: usize,
    ) -> Result<Vec<TableLine>, QueryError> {
        let allowed = self.policy.schemas_as_json().filter(|_| schema.is_none());
        let (after_schema, after_name) = after.unzip();
        let limit = limit.to_string();
        let parameters = [
            allowed.as_deref(),
            after_schema.as_deref(),
            after_name.as_deref(),
            Some(limit.as_str()),
            schema,
        ];
        self.database.rows(TABLES, &parameters).await
    }

    /// The columns of a table, at least one.
    pub(crate) async fn columns(
        &self,
        schema: &str,
        table: &str,
    ) -> Result<Vec<ColumnLine>, Error> {
        self.policy.open(schema)?;
        let columns: Vec<ColumnLine> =
            self.database.rows(COLUMNS, &[Some(schema), Some(table)]).await?;
        if columns.is_empty() {
            return Err(Error::not_found(
                "there is no such table: `list_tables` names those there are",
            ));
        }
        Ok(columns)
    }

    /// Names of schemas or tables that begin with what was typed.
    pub(crate) async fn complete_names(
        &self,
        name: &str,
        typed: &str,
    ) -> Result<Vec<String>, Error> {
        let sql = match name {
            "table" => COMPLETED,
            "schema" => SCHEMAS,
            _ => return Ok(Vec::new()),
        };
        let allowed = self.policy.schemas_as_json();
        let names: Vec<(String,)> =
            self.database.rows(sql, &[allowed.as_deref(), Some(typed)]).await?;
        Ok(names.into_iter().map(|(name,)| name).collect())
    }
}
