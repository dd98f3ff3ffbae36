//! The tools, a file each.

mod database_health;
mod describe_table;
mod explain_query;
mod list_schemas;
mod list_tables;
mod query_database;
mod search_objects;
mod top_queries;

pub(crate) use database_health::DatabaseHealth;
pub(crate) use describe_table::DescribeTable;
pub(crate) use explain_query::ExplainQuery;
pub(crate) use list_schemas::ListSchemas;
pub(crate) use list_tables::{ListTables, cursor, read_cursor};
pub(crate) use query_database::{QueryDatabase, Table};
pub(crate) use search_objects::SearchObjects;
pub(crate) use top_queries::TopQueries;
