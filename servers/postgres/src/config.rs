//! What a deployment of the PostgreSQL server decides.

use std::{
    collections::BTreeSet, convert::Infallible, num::NonZeroU32, str::FromStr, time::Duration,
};

use mcp_chassis::{ByteSize, Deployment, Finding, HumanDuration, Reader, Settings};
use secrecy::SecretString;

use crate::{
    queries::Queries,
    server::{DEADLINE_SECS, TOOLS},
};

/// The settings of the PostgreSQL server.
#[derive(Debug)]
pub struct Config {
    /// `DATABASE_URL`: the database, as a role that can only read. Required.
    pub(crate) database: SecretString,
    /// `PG_ALLOWED_SCHEMAS`: schemas of users that may be read; all that the role may use when empty.
    pub(crate) schemas: BTreeSet<String>,
    /// `PG_STATEMENT_TIMEOUT`: how long PostgreSQL works on one statement.
    pub(crate) statement_timeout: Duration,
    /// `PG_TASK_TIMEOUT`: the same for a statement whose client knows tasks.
    pub(crate) task_timeout: Duration,
    /// `PG_MAX_ROWS`: the most rows of one answer.
    pub(crate) max_rows: u32,
    /// `PG_MAX_BYTES`: the most bytes of one answer's cells.
    pub(crate) max_bytes: usize,
    /// `PG_POOL_SIZE`: connections for statements; one more cancels them.
    pub(crate) pool_size: NonZeroU32,
    /// `PG_QUERIES_FILE`: queries of the operator's own, each offered as a tool.
    pub(crate) queries: Queries,
    /// `PG_ALLOW_UNSAFE_ROLE`: start even if the role can do more than read.
    pub(crate) allow_unsafe_role: bool,
    /// `PG_ALLOW_FUNCTIONS`: volatile functions that may be called, by qualified name.
    pub(crate) functions: BTreeSet<String>,
}

/// A task is given up a minute after that.
const LONGEST_TASK: Duration = Duration::from_mins(10);

impl Settings for Config {
    fn read(reader: &mut Reader<'_>) -> Self {
        let database = reader.secret(
            "DATABASE_URL",
            "the database as a role that can only read: `postgres://user:password@host/database`",
        );
        if database.is_none() {
            let text = "is required: set `postgres://user:password@host/database`".to_owned();
            reader.problem("DATABASE_URL", "default", text);
        }
        let schemas = reader.or::<Names>(
            "PG_ALLOWED_SCHEMAS",
            "",
            "schemas that may be read, separated by commas; all that the role may use when empty",
        );
        let statement_timeout = reader.or::<HumanDuration>(
            "PG_STATEMENT_TIMEOUT",
            "15s",
            "how long PostgreSQL works on one statement, like `15s`",
        );
        let task_timeout = reader.or::<HumanDuration>(
            "PG_TASK_TIMEOUT",
            "5m",
            "how long it works on a statement that goes on as a task, like `5m`; at most 10 minutes",
        );
        let max_rows =
            reader.or::<NonZeroU32>("PG_MAX_ROWS", "1000", "the most rows of one answer");
        let max_bytes = reader.or::<ByteSize>(
            "PG_MAX_BYTES",
            "1 MiB",
            "the most bytes of one answer's cells, like `1 MiB`",
        );
        let pool_size =
            reader.or::<NonZeroU32>("PG_POOL_SIZE", "8", "how many statements run at a time");
        let queries = queries(reader);
        let allow_unsafe_role = reader.or::<bool>(
            "PG_ALLOW_UNSAFE_ROLE",
            "false",
            "`true` starts the server even if the role can do more than read",
        );
        let functions = reader.or::<Names>(
            "PG_ALLOW_FUNCTIONS",
            "",
            "volatile functions that may be called, as `schema.name` separated by commas",
        );
        let (one, least) = (NonZeroU32::MIN, Duration::from_millis(1));
        Self {
            database: database.unwrap_or_default(),
            schemas: schemas.value().0,
            // Nothing would be "no timeout" to PostgreSQL.
            statement_timeout: statement_timeout.or_stand_in(HumanDuration(least)).0.max(least),
            task_timeout: task_timeout
                .or_stand_in(HumanDuration(least))
                .0
                .clamp(least, LONGEST_TASK),
            max_rows: max_rows.or_stand_in(one).get(),
            max_bytes: usize::try_from(max_bytes.or_stand_in(ByteSize(1)).0).unwrap_or(usize::MAX),
            pool_size: pool_size.or_stand_in(one),
            queries,
            allow_unsafe_role: allow_unsafe_role.value(),
            functions: functions.value().0,
        }
    }

    fn review(&self, _deployment: Deployment) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.schemas.is_empty() {
            let text = "PG_ALLOWED_SCHEMAS is not set: every schema that the role may use is read";
            findings.push(Finding::warn("schemas", text));
        } else if self.schemas.contains("*") {
            let text = "PG_ALLOWED_SCHEMAS has a `*`, which is no wildcard here: name the schemas";
            findings.push(Finding::fail("schemas", text));
        }
        let harmful = self.functions.iter().filter(|name| is_harmful(name)).cloned();
        let harmful = harmful.collect::<Vec<_>>().join(", ");
        if !harmful.is_empty() {
            let text = format!(
                "PG_ALLOW_FUNCTIONS has {harmful}, by which a SELECT leaves the database or stops it"
            );
            findings.push(Finding::fail("functions", text));
        }
        if self.statement_timeout > Duration::from_secs(DEADLINE_SECS) {
            let text = format!(
                "PG_STATEMENT_TIMEOUT is longer than the {DEADLINE_SECS}s of any tool: nobody waits for such a statement"
            );
            findings.push(Finding::warn("statement timeout", text));
        }
        if self.allow_unsafe_role {
            let text = "PG_ALLOW_UNSAFE_ROLE=true: a role that can write is no reason not to start";
            findings.push(Finding::warn("unsafe role", text));
        }
        findings
    }
}

/// Functions that reach files, other servers or other sessions, or that hold a connection for as long as they are told.
fn is_harmful(name: &str) -> bool {
    const FAMILIES: [&str; 12] = [
        "pg_read_",
        "pg_ls_",
        "pg_stat_file",
        "pg_write_",
        "pg_sleep",
        "pg_terminate_",
        "pg_cancel_",
        "pg_reload_",
        "lo_",
        "dblink",
        "query_to_",
        "set_config",
    ];
    let bare = name.rsplit('.').next().unwrap_or(name);
    name.contains('*') || FAMILIES.iter().any(|family| bare.starts_with(family))
}

fn queries(reader: &mut Reader<'_>) -> Queries {
    let file = "a TOML file of your own queries, each offered as a tool";
    let Some(path) = reader.file("PG_QUERIES_FILE", file) else {
        return Queries::default();
    };
    Queries::read(&path, &TOOLS).unwrap_or_else(|problem| {
        reader.problem("PG_QUERIES_FILE", &format!("file {}", path.display()), problem);
        Queries::default()
    })
}

/// A comma-separated list; upper and lower case are as PostgreSQL stores them.
#[derive(Debug, Default)]
struct Names(BTreeSet<String>);

impl FromStr for Names {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(names.map(str::to_owned).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn a_list_has_no_empty_names() {
        let names = " public, sales,,".parse::<Names>().unwrap().0;
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["public", "sales"]);
    }
}
