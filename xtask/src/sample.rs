//! What a server needs that has no embedded default: for PostgreSQL, a private one with sample data; for GitHub, recorded
//! answers.

use std::fs;

use anyhow::{Context, Result};
use mcp_testkit::Postgres;

use crate::demo::github;
use crate::process::variable;
use crate::workspace;

/// Variables for a server's process.
pub(crate) type Environment = Vec<(&'static str, String)>;

/// What the server of that name needs and our own environment does not have.
///
/// A private PostgreSQL and recorded answers end with this process.
pub(crate) fn environment(server: &str) -> Result<Environment> {
    let needs = |names: &[&str]| names.iter().all(|name| variable(name).is_none());
    match server {
        "postgres" if needs(&["DATABASE_URL"]) => Ok(vec![("DATABASE_URL", database()?)]),
        "github" if needs(&GITHUB) => github::environment(),
        _ => Ok(Vec::new()),
    }
}

/// Any of these says which GitHub is meant.
const GITHUB: [&str; 4] = ["GITHUB_API_URL", "GITHUB_TOKEN", "GITHUB_TOKEN_FILE", "GITHUB_APP_ID"];

/// The address of a new database with the sample, as a role that can only read.
pub(crate) fn database() -> Result<String> {
    let file = workspace::root().join("fixtures/postgres/sample.sql");
    let sample = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let database = Postgres::shared().database();
    database.psql(&sample);
    let name = database.url().rsplit('/').next().context("an address without a database")?;
    let reader = format!("reader_of_{name}");
    database.psql(&format!(
        "CREATE ROLE {reader} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}"
    ));
    let url = database.url().replacen("postgres@", &format!("{reader}@"), 1);
    // Dropped it would be deleted; so it lasts as long as the server that it is in.
    std::mem::forget(database);
    Ok(url)
}
