//! `list_schemas`.

use mcp_chassis::{Budget, CallContext, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::Postgres;

/// Lists the schemas that may be read, with the number of tables and views in each. `pg_catalog` and
/// `information_schema` can be read too and are not listed.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListSchemas {}

/// Every schema, by name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Schemas {
    schemas: Vec<Schema>,
}

#[derive(Debug, Serialize, JsonSchema, Deserialize)]
struct Schema {
    name: String,
    /// Tables, views and the like that may be read
    tables: i64,
    comment: Option<String>,
}

impl ToolOutput for Schemas {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "schemas", ..PageCut::default() })
    }
}

const SCHEMAS: &str = "
    SELECT n.nspname::text AS name, obj_description(n.oid, 'pg_namespace') AS comment,
        (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND has_any_column_privilege(c.oid, 'SELECT')) AS tables
    FROM pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND has_schema_privilege(n.oid, 'USAGE')
        AND ($1 IS NULL OR $1::jsonb ? n.nspname)
    ORDER BY n.nspname";

impl Tool for ListSchemas {
    type Server = Postgres;
    type Output = Schemas;

    const SPEC: ToolSpec = ToolSpec::read("list_schemas", "List schemas")
        .scopes(&["postgres:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["database"]);

    async fn call(self, server: &Postgres, _context: &CallContext) -> Result<Schemas> {
        let allowed = server.policy.schemas_as_json();
        let schemas = server.database.rows(SCHEMAS, &[allowed.as_deref()]).await?;
        Ok(Schemas { schemas })
    }
}
