//! `database_health`.

use mcp_chassis::{Budget, CallContext, Error, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::Postgres;

/// Tells how the database is: version, size, connections, cache, long transactions, waiting sessions, tables that need
/// a vacuum, indexes that nobody uses.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseHealth {}

/// The state of the database now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    #[serde(flatten)]
    figures: Figures,
    /// Tables with most dead rows
    dead_rows: Vec<NeedsVacuum>,
    /// The largest indexes that were never read and enforce nothing
    unused_indexes: Vec<UnusedIndex>,
}

#[derive(Debug, Serialize, JsonSchema, Deserialize)]
struct Figures {
    server_version: String,
    uptime_s: f64,
    database: String,
    size_bytes: i64,
    connections: i64,
    active_connections: i64,
    max_connections: i64,
    /// Sessions that wait for a lock
    waiting_sessions: i64,
    /// The age of the oldest open transaction
    longest_transaction_s: Option<f64>,
    /// The share of blocks that were found in memory, from 0 to 1
    cache_hit_ratio: Option<f64>,
    deadlocks: i64,
    /// Transactions until a wraparound must be prevented, from 0 (fresh) to 1
    transaction_id_use: f64,
    is_replica: bool,
    /// How far a replica is behind
    replication_lag_s: Option<f64>,
}

#[derive(Debug, Serialize, JsonSchema, Deserialize)]
struct NeedsVacuum {
    table: String,
    dead_rows: i64,
    live_rows: i64,
    /// ISO 8601
    last_vacuum: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema, Deserialize)]
struct UnusedIndex {
    index: String,
    table: String,
    size_bytes: i64,
}

impl ToolOutput for Health {}

const FIGURES: &str = "
    SELECT current_setting('server_version') AS server_version,
        extract(epoch FROM now() - pg_postmaster_start_time())::float8 AS uptime_s,
        d.datname::text AS database, pg_database_size(d.oid) AS size_bytes,
        (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid) AS connections,
        (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid AND state = 'active') AS active_connections,
        current_setting('max_connections')::int8 AS max_connections,
        (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid AND wait_event_type = 'Lock') AS waiting_sessions,
        (SELECT extract(epoch FROM max(now() - xact_start))::float8 FROM pg_stat_activity
            WHERE datid = d.oid AND pid <> pg_backend_pid()) AS longest_transaction_s,
        s.blks_hit::float8 / nullif(s.blks_hit + s.blks_read, 0) AS cache_hit_ratio, s.deadlocks,
        age(d.datfrozenxid)::float8 / 2147483647 AS transaction_id_use, pg_is_in_recovery() AS is_replica,
        CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 END
            AS replication_lag_s
    FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datname = current_database()";

const DEAD_ROWS: &str = "
    SELECT schemaname || '.' || relname AS table, n_dead_tup AS dead_rows, n_live_tup AS live_rows,
        to_json(greatest(last_vacuum, last_autovacuum)) #>> '{}' AS last_vacuum
    FROM pg_stat_user_tables
    WHERE n_dead_tup > 0 AND ($1 IS NULL OR $1::jsonb ? schemaname) AND has_table_privilege(relid, 'SELECT')
    ORDER BY n_dead_tup DESC LIMIT 5";

const UNUSED_INDEXES: &str = "
    SELECT s.schemaname || '.' || s.indexrelname AS index, s.relname::text AS table,
        pg_relation_size(s.indexrelid) AS size_bytes
    FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
    WHERE s.idx_scan = 0 AND NOT i.indisunique AND NOT i.indisexclusion
        AND ($1 IS NULL OR $1::jsonb ? s.schemaname) AND has_table_privilege(s.relid, 'SELECT')
    ORDER BY pg_relation_size(s.indexrelid) DESC LIMIT 5";

impl Tool for DatabaseHealth {
    type Server = Postgres;
    type Output = Health;

    const SPEC: ToolSpec = ToolSpec::read("database_health", "Database health")
        .scopes(&["postgres:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(5_000))
        .outside_text(&["database"]);

    async fn call(self, server: &Postgres, _context: &CallContext) -> Result<Health> {
        let allowed = server.policy.schemas_as_json();
        let allowed = [allowed.as_deref()];
        let figures: Vec<Figures> = server.database.rows(FIGURES, &[]).await?;
        let nothing = || Error::internal("pg_stat_database does not list the database");
        Ok(Health {
            figures: figures.into_iter().next().ok_or_else(nothing)?,
            dead_rows: server.database.rows(DEAD_ROWS, &allowed).await?,
            unused_indexes: server.database.rows(UNUSED_INDEXES, &allowed).await?,
        })
    }
}
