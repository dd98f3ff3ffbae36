//! `schema://{table}` and `schema://{schema}/{table}`: a table's columns as a resource.

use mcp_chassis::{
    Budget, CallContext, Error, Resource, ResourceBody, ResourceEntry, ResourcePage, ResourceSpec,
    Result,
};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    Postgres,
    tables::TableLine,
    tools::{cursor, read_cursor},
};

/// How many tables a page of the listing has.
const LISTED: usize = 100;

/// The columns of a table of the schema `public`.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublicTable {
    /// The table
    #[validate(length(min = 1, max = 63))]
    table: String,
}

impl Resource for PublicTable {
    type Server = Postgres;

    const SPEC: ResourceSpec = ResourceSpec::at("schema://{table}", "public-table", "Table")
        .scopes(&["postgres:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(20_000))
        .outside_text(&["database"]);

    async fn read(self, server: &Postgres, _context: &CallContext) -> Result<ResourceBody> {
        columns(server, "public", &self.table).await
    }

    async fn complete(
        server: &Postgres,
        name: &str,
        typed: &str,
        _context: &CallContext,
    ) -> Result<Vec<String>> {
        server.complete_names(name, typed).await
    }
}

/// The columns of a table.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemaTable {
    /// The schema
    #[validate(length(min = 1, max = 63))]
    schema: String,
    /// The table
    #[validate(length(min = 1, max = 63))]
    table: String,
}

impl Resource for SchemaTable {
    type Server = Postgres;

    const SPEC: ResourceSpec =
        ResourceSpec::at("schema://{schema}/{table}", "table", "Table of a schema")
            .scopes(&["postgres:read"])
            .deadline_secs(15)
            .output_budget(Budget::tokens(20_000))
            .outside_text(&["database"])
            .listed();

    async fn read(self, server: &Postgres, _context: &CallContext) -> Result<ResourceBody> {
        columns(server, &self.schema, &self.table).await
    }

    async fn list(
        server: &Postgres,
        after: Option<String>,
        _context: &CallContext,
    ) -> Result<ResourcePage> {
        let after = after.as_deref().map(read_cursor).transpose()?;
        let mut tables = server.tables(None, after, LISTED + 1).await?;
        let more = tables.len() > LISTED;
        tables.truncate(LISTED);
        let next_cursor = tables.last().filter(|_| more).map(cursor);
        Ok(ResourcePage { entries: tables.iter().map(entry).collect(), next_cursor })
    }

    async fn complete(
        server: &Postgres,
        name: &str,
        typed: &str,
        _context: &CallContext,
    ) -> Result<Vec<String>> {
        server.complete_names(name, typed).await
    }
}

async fn columns(server: &Postgres, schema: &str, table: &str) -> Result<ResourceBody> {
    let columns = server.columns(schema, table).await?;
    serde_json::to_value(columns).map(ResourceBody::Json).map_err(Error::internal)
}

fn entry(table: &TableLine) -> ResourceEntry {
    ResourceEntry {
        uri: format!("schema://{}/{}", escaped(&table.schema), escaped(&table.name)),
        name: table.name.clone(),
        title: format!("{} {}.{}", table.kind, table.schema, table.name),
    }
}

/// A name as a part of an address (RFC 3986 §2.3 names what stays).
fn escaped(name: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_name_with_a_slash_is_one_part_of_an_address() {
        assert_eq!(escaped("a/b ä_1"), "a%2Fb%20%C3%A4_1");
    }
}
