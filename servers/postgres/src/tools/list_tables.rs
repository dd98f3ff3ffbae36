//! `list_tables`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_chassis::{Budget, CallContext, Error, PageCut, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    Postgres,
    tables::{After, TableLine},
};

/// How many tables a page has.
const PAGE: usize = 100;

/// Lists tables, views and the like that may be read, by schema and name. Follow `next_cursor` for more.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTables {
    /// Only of this schema; all schemas of users when left out
    #[validate(length(min = 1, max = 63))]
    schema: Option<String>,
    /// `next_cursor` of an earlier answer
    #[validate(length(max = 400))]
    cursor: Option<String>,
}

/// A page of tables.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TableList {
    tables: Vec<TableLine>,
    /// Pass it as `cursor` to go on
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there are more
    truncated: bool,
    #[serde(skip)]
    cursors: Vec<String>,
}

impl ToolOutput for TableList {
    fn page(&self) -> Option<PageCut> {
        Some(PageCut { list: "tables", cursors: self.cursors.clone(), count: None })
    }
}

impl Tool for ListTables {
    type Server = Postgres;
    type Output = TableList;

    const SPEC: ToolSpec = ToolSpec::read("list_tables", "List tables")
        .scopes(&["postgres:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["database"])
        .routed(&["schema"]);

    async fn call(self, server: &Postgres, _context: &CallContext) -> Result<TableList> {
        if let Some(schema) = &self.schema {
            server.policy.open(schema)?;
        }
        let after = self.cursor.as_deref().map(read_cursor).transpose()?;
        let mut tables = server.tables(self.schema.as_deref(), after, PAGE + 1).await?;
        let truncated = tables.len() > PAGE;
        tables.truncate(PAGE);
        let cursors: Vec<_> = tables.iter().map(cursor).collect();
        let next_cursor = cursors.last().filter(|_| truncated).cloned();
        Ok(TableList { tables, next_cursor, truncated, cursors })
    }
}

/// Goes on after this table.
pub(crate) fn cursor(table: &TableLine) -> String {
    let place = serde_json::json!([table.schema, table.name]).to_string();
    URL_SAFE_NO_PAD.encode(place)
}

/// The table that a cursor goes on after.
pub(crate) fn read_cursor(cursor: &str) -> Result<After> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.ok_or_else(|| Error::invalid("cursor", "is not one of this list"))
}
