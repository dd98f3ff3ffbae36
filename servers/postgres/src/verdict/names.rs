//! What is known of PostgreSQL's own names, as one table per rule.

/// Volatile by declaration, and yet without an effect: they read what changes by itself, or draw at random.
const HARMLESS: &[&str] = &[
    "bernoulli",
    "clock_timestamp",
    "current_query",
    "gen_random_bytes",
    "gen_random_uuid",
    "normal_rand",
    "pg_available_extension_versions",
    "pg_available_extensions",
    "pg_blocking_pids",
    "pg_collation_actual_version",
    "pg_current_wal_flush_lsn",
    "pg_current_wal_insert_lsn",
    "pg_current_wal_lsn",
    "pg_database_collation_actual_version",
    "pg_database_size",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_is_wal_replay_paused",
    "pg_last_committed_xact",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_lock_status",
    "pg_partition_ancestors",
    "pg_partition_tree",
    "pg_relation_size",
    "pg_safe_snapshot_blocking_pids",
    "pg_sequence_last_value",
    "pg_stat_statements",
    "pg_stat_statements_info",
    "pg_table_size",
    "pg_tablespace_databases",
    "pg_tablespace_size",
    "pg_timezone_abbrevs",
    "pg_timezone_names",
    "pg_total_relation_size",
    "pg_trigger_depth",
    "pg_xact_commit_timestamp",
    "random",
    "random_normal",
    "system",
    "system_rows",
    "system_time",
    "timeofday",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
];

/// Never, whatever they are declared and whoever allows them: each reaches files, other servers, other
/// sessions, settings or locks, or runs SQL that no guard has seen.
const NEVER: &[&str] = &[
    "connectby",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "database_to_xmlschema",
    "pg_cancel_backend",
    "pg_create_restore_point",
    "pg_current_xact_id",
    "pg_export_snapshot",
    "pg_notify",
    "pg_promote",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_stat_file",
    "pg_switch_wal",
    "pg_terminate_backend",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "schema_to_xmlschema",
    "set_config",
    "setseed",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "table_to_xmlschema",
    "ts_rewrite",
    "ts_stat",
    "txid_current",
    "xpath_table",
    "xslt_process",
];

/// Families of them.
const NEVER_PREFIXES: &[&str] = &[
    "crosstab",
    "cursor_to_xml",
    "dblink",
    "lo_",
    "pg_advisory_",
    "pg_file_",
    "pg_logdir_",
    "pg_ls_",
    "pg_read_",
    "pg_try_advisory_",
    "postgres_fdw_",
    "query_to_xml",
];

/// Large objects have two names without an underscore.
const NEVER_LARGE_OBJECT: &[&str] = &["loread", "lowrite"];

/// System relations with credentials, or with what other roles' rows hold.
const SECRET: &[&str] = &[
    "_pg_user_mappings",
    "pg_authid",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_largeobject",
    "pg_shadow",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_subscription",
    "pg_user_mapping",
    "pg_user_mappings",
    "user_mapping_options",
];

/// Samples of the values of every table: not where some tables are closed.
const SAMPLES: &[&str] = &["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"];

/// Words of a body that does, or may do, more than read.
const EFFECTS: &[&str] = &[
    "alter", "call", "copy", "create", "delete", "discard", "drop", "execute", "grant", "insert",
    "listen", "lock", "merge", "notify", "refresh", "reset", "revoke", "set", "truncate",
    "unlisten", "update", "vacuum",
];

/// Parts of names of settings that tell of files, commands and credentials.
const PRIVATE_SETTINGS: &[&str] =
    &["_command", "conninfo", "_directory", "_file", "krb_", "passphrase", "password", "ssl_"];

pub(super) fn is_harmless(function: &str) -> bool {
    HARMLESS.binary_search(&function).is_ok() || function.starts_with("pg_stat_get_")
}

pub(super) fn is_never_allowed(function: &str) -> bool {
    NEVER.binary_search(&function).is_ok()
        || NEVER_LARGE_OBJECT.contains(&function)
        || NEVER_PREFIXES.iter().any(|prefix| function.starts_with(prefix))
}

pub(super) fn is_secret(relation: &str) -> bool {
    SECRET.contains(&relation)
}

pub(super) fn is_sample(relation: &str) -> bool {
    SAMPLES.contains(&relation)
}

pub(super) fn is_effect(word: &str) -> bool {
    EFFECTS.contains(&word)
}

/// Settings of extensions and applications, which have a dot, may hold anything.
pub(super) fn is_private(setting: &str) -> bool {
    setting.contains('.') || PRIVATE_SETTINGS.iter().any(|part| setting.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_searched_tables_are_sorted() {
        assert!(HARMLESS.is_sorted() && NEVER.is_sorted());
    }

    #[test]
    fn no_name_is_harmless_and_forbidden() {
        assert!(HARMLESS.iter().all(|name| !is_never_allowed(name)));
    }
}
