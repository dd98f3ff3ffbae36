//! What the role can really do: a server that reads should have a role that can only read.

use serde::Deserialize;

use super::{Database, QueryError};

/// Something that the role can do beyond reading.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Finding {
    /// Whether it alone is a reason not to start.
    pub(crate) is_unsafe: bool,
    pub(crate) what: String,
}

/// The role's powers as found in the catalogue.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleReport {
    findings: Vec<Finding>,
}

impl RoleReport {
    /// Asks the catalogue.
    pub(crate) async fn inspect(database: &Database) -> Result<Self, QueryError> {
        Ok(Self { findings: database.rows(POWERS, &[]).await? })
    }

    /// What forbids a start, in a sentence's form; `None` when the role can only read.
    pub(crate) fn unsafe_powers(&self) -> Option<String> {
        join(self.findings.iter().filter(|finding| finding.is_unsafe))
    }

    /// What an operator should know.
    pub(crate) fn warnings(&self) -> Option<String> {
        join(self.findings.iter().filter(|finding| !finding.is_unsafe))
    }
}

fn join<'a>(findings: impl Iterator<Item = &'a Finding>) -> Option<String> {
    let texts: Vec<_> = findings.map(|finding| finding.what.as_str()).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// One row a power. Examples are named, not all of what may be thousands.
const POWERS: &str = "
    WITH me AS (SELECT * FROM pg_roles WHERE rolname = current_user),
    relations AS (
        SELECT c.oid, c.oid::regclass::text AS name, c.relowner, c.relkind, c.relacl
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
            AND has_schema_privilege(n.oid, 'USAGE'))
    SELECT true AS is_unsafe, 'is a superuser' AS what FROM me WHERE rolsuper
    UNION ALL SELECT true, 'has BYPASSRLS' FROM me WHERE rolbypassrls
    UNION ALL SELECT true, 'has REPLICATION' FROM me WHERE rolreplication
    UNION ALL SELECT true, 'has CREATEROLE' FROM me WHERE rolcreaterole
    UNION ALL SELECT true, 'is a member of ' || r.rolname FROM pg_roles r, me
        WHERE r.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program',
            'pg_signal_backend', 'pg_write_all_data') AND pg_has_role(r.oid, 'MEMBER')
    UNION ALL SELECT true, 'may write to ' || min(name) || ' (' || count(*) || ' in all)' FROM relations
        WHERE relkind <> 'm' AND (has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
            OR has_any_column_privilege(oid, 'INSERT, UPDATE')) HAVING count(*) > 0
    UNION ALL SELECT true, 'owns ' || min(name) || ' (' || count(*) || ' in all)' FROM relations
        WHERE pg_has_role(relowner, 'MEMBER') HAVING count(*) > 0
    UNION ALL SELECT true, 'may create in schema ' || min(nspname) FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_temp%' AND nspname NOT LIKE 'pg\\_toast\\_temp%'
            AND has_schema_privilege(oid, 'CREATE') HAVING count(*) > 0
    UNION ALL SELECT true, 'may create schemas in the database'
        WHERE has_database_privilege(current_database(), 'CREATE')
    UNION ALL SELECT false, 'may create temporary tables'
        WHERE has_database_privilege(current_database(), 'TEMP')
    UNION ALL SELECT false, 'may execute ' || min(p.oid::regprocedure::text) || ' (' || count(*)
            || ' volatile or SECURITY DEFINER functions in all)'
        FROM pg_proc p WHERE p.oid >= 16384 AND (p.provolatile = 'v' OR p.prosecdef) AND has_function_privilege(p.oid, 'EXECUTE')
            AND has_schema_privilege(p.pronamespace, 'USAGE') HAVING count(*) > 0
    UNION ALL SELECT false, 'has the extension ' || extname FROM pg_extension
        WHERE extname IN ('dblink', 'file_fdw', 'postgres_fdw', 'adminpack', 'plpythonu', 'plpython3u', 'plperlu',
            'http', 'pg_net', 'pg_cron')
    UNION ALL SELECT false, 'has a row-level policy that reads a setting, on ' || min(polrelid::regclass::text)
        FROM pg_policy WHERE pg_get_expr(polqual, polrelid) LIKE '%current_setting%' HAVING count(*) > 0
    UNION ALL SELECT false, 'has no temp_file_limit' WHERE current_setting('temp_file_limit') = '-1'";
