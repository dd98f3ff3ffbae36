//! `search_objects`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::Postgres;

/// How many objects are found at most.
const FOUND: usize = 100;

/// Finds tables, views, columns, functions, types and indexes by a part of their name.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchObjects {
    /// A part of the name, upper and lower case alike; `*` stands for any characters
    #[validate(length(min = 1, max = 63))]
    pattern: String,
    /// Only objects of this kind
    kind: Option<Kind>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Table,
    View,
    Column,
    Function,
    Type,
    Index,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::Column => "column",
            Self::Function => "function",
            Self::Type => "type",
            Self::Index => "index",
        }
    }
}

/// What was found, the shortest names first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FoundObjects {
    objects: Vec<Object>,
    /// Whether there are more
    truncated: bool,
}

#[derive(Debug, Serialize, JsonSchema, Deserialize)]
struct Object {
    schema: String,
    name: String,
    kind: String,
    /// A column's table and type, a function's arguments and result, an index' table
    detail: Option<String>,
    comment: Option<String>,
}

impl ToolOutput for FoundObjects {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "objects", ..PageCut::default() })
    }
}

/// `$1` the allowed schemas, `$2` the pattern, `$3` the kind, `$4` how many.
const OBJECTS: &str = "
    WITH open AS (
        SELECT oid, nspname::text AS schema FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'USAGE')
            AND ($1 IS NULL OR $1::jsonb ? nspname)),
    relations AS (
        SELECT c.oid, o.schema, c.relname::text AS name, c.relkind FROM pg_class c JOIN open o ON o.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND has_any_column_privilege(c.oid, 'SELECT')),
    objects AS (
        SELECT schema, name, CASE WHEN relkind IN ('v', 'm') THEN 'view' ELSE 'table' END AS kind, NULL AS detail,
            obj_description(oid, 'pg_class') AS comment
        FROM relations
        UNION ALL
        SELECT r.schema, a.attname::text, 'column', r.name || ', ' || format_type(a.atttypid, a.atttypmod),
            col_description(r.oid, a.attnum)
        FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT o.schema, p.proname::text, 'function',
            '(' || pg_get_function_arguments(p.oid) || ') ' || coalesce(pg_get_function_result(p.oid), ''),
            obj_description(p.oid, 'pg_proc')
        FROM pg_proc p JOIN open o ON o.oid = p.pronamespace
        UNION ALL
        SELECT o.schema, t.typname::text, 'type', format_type(nullif(t.typbasetype, 0), NULL), obj_description(t.oid, 'pg_type')
        FROM pg_type t JOIN open o ON o.oid = t.typnamespace
        WHERE t.typtype IN ('d', 'e', 'r') OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')
        UNION ALL
        SELECT r.schema, i.relname::text, 'index', r.name, obj_description(i.oid, 'pg_class')
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN relations r ON r.oid = x.indrelid)
    SELECT * FROM objects WHERE name ILIKE $2 AND ($3 IS NULL OR kind = $3)
    ORDER BY length(name), name, schema, kind LIMIT $4::int8";

impl Tool for SearchObjects {
    type Server = Postgres;
    type Output = FoundObjects;

    const SPEC: ToolSpec = ToolSpec::read("search_objects", "Search objects")
        .scopes(&["postgres:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["database"]);

    async fn call(self, server: &Postgres, _context: &CallContext) -> Result<FoundObjects> {
        let allowed = server.policy.schemas_as_json();
        let limit = (FOUND + 1).to_string();
        let pattern = like(&self.pattern);
        let parameters = [
            allowed.as_deref(),
            Some(pattern.as_str()),
            self.kind.map(Kind::as_str),
            Some(limit.as_str()),
        ];
        let mut objects: Vec<Object> = server.database.rows(OBJECTS, &parameters).await?;
        let truncated = objects.len() > FOUND;
        objects.truncate(FOUND);
        Ok(FoundObjects { objects, truncated })
    }
}

/// The pattern as `ILIKE` reads it, anywhere in the name.
fn like(pattern: &str) -> String {
    let literal = pattern.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{}%", literal.replace('*', "%"))
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn only_the_star_is_a_wildcard() {
        assert_eq!(like("a_b%*\\"), "%a\\_b\\%%\\\\%");
    }
}
