//! Settings of every session, which no default of the role or the database wins over.

use super::{
    Caps, QueryError,
    exchange::{Exchange, Form},
    pool, rows,
};
use crate::{
    Config,
    wire::{Connection, Connector, ServerError, Setting},
};

const BEGIN: &str = "BEGIN READ ONLY";

/// How sessions get their settings.
#[derive(Debug)]
pub(super) struct Session {
    /// Given at the start of a connection: what `RESET` and `DISCARD ALL` go back to.
    pub(super) settings: Vec<Setting>,
    /// What opens every transaction; it makes the settings where a connection cannot begin with them.
    pub(super) begin: String,
}

impl Session {
    /// Finds out what the database is and whether a pooler stands before it.
    pub(super) async fn negotiate(
        connector: &Connector,
        config: &Config,
    ) -> Result<Self, QueryError> {
        let mut first = pool::open(connector, &[]).await?;
        let version = first.version;
        let path = search_path(&mut first, connector, config).await?;
        drop(first);
        let settings = settings(config, version, &path);
        match pool::open(connector, &settings).await {
            Ok(mut connection) => {
                if holds(&mut connection, connector, config).await? {
                    return Ok(Self { settings, begin: BEGIN.to_owned() });
                }
            }
            // PgBouncer takes no settings at the start; other poolers take and forget them.
            Err(QueryError::Database(error)) if is_of_pooler(&error) => {}
            Err(error) => return Err(error),
        }
        tracing::info!(
            "a pooler stands before the database: settings are made in each transaction"
        );
        Ok(Self { begin: begin_with(&settings), settings: Vec::new() })
    }
}

fn is_of_pooler(error: &ServerError) -> bool {
    error.message.starts_with("unsupported startup parameter")
}

/// `BEGIN READ ONLY` with the settings, as one message: should one fail, so does the transaction.
fn begin_with(settings: &[Setting]) -> String {
    // In this form of literal both letters mean the same whatever the session's settings are until then.
    let literal = |value: &str| value.replace('\\', "\\\\").replace('\'', "''");
    let set =
        |(name, value): &Setting| format!("set_config('{name}', E'{}', true)", literal(value));
    let all: Vec<_> = settings.iter().map(set).collect();
    format!("{BEGIN}; SELECT {}", all.join(", "))
}

/// Whether the session began with the settings.
async fn holds(
    connection: &mut Connection,
    connector: &Connector,
    config: &Config,
) -> Result<bool, QueryError> {
    let sql = "SELECT setting FROM pg_settings WHERE name IN ('default_transaction_read_only', 'statement_timeout')
        ORDER BY name";
    let found: Vec<(String,)> = own_rows(sql, connection, connector).await?;
    let found: Vec<_> = found.iter().map(|(setting,)| setting.as_str()).collect();
    Ok(found == ["on", &config.statement_timeout.as_millis().to_string()])
}

/// Where unqualified names are looked up: the allowed schemas, or what the role has anyway, fixed from here on.
async fn search_path(
    connection: &mut Connection,
    connector: &Connector,
    config: &Config,
) -> Result<Vec<String>, QueryError> {
    if !config.schemas.is_empty() {
        return Ok(config.schemas.iter().cloned().collect());
    }
    let sql = "SELECT unnest(current_schemas(false))::text";
    let path: Vec<(String,)> = own_rows(sql, connection, connector).await?;
    Ok(path.into_iter().map(|(schema,)| schema).collect())
}

async fn own_rows<T: serde::de::DeserializeOwned>(
    sql: &str,
    connection: &mut Connection,
    connector: &Connector,
) -> Result<Vec<T>, QueryError> {
    let exchange = Exchange { form: Form::Own, sql, parameters: &[], caps: Caps::NONE };
    let outcome = exchange.run(BEGIN, connection, connector).await.map_err(|it| it.error)?;
    let collector = outcome.answered.map_err(QueryError::Database)?;
    rows::read(collector)
}

fn settings(config: &Config, version: u32, path: &[String]) -> Vec<Setting> {
    let quoted = |schema: &String| format!("\"{}\"", schema.replace('"', "\"\""));
    let path = path.iter().map(quoted).collect::<Vec<_>>().join(",");
    let timeout = config.statement_timeout.as_millis();
    let mut settings = vec![
        ("default_transaction_read_only", "on".to_owned()),
        ("search_path", path),
        ("statement_timeout", format!("{timeout}ms")),
        ("lock_timeout", "2s".to_owned()),
        ("idle_in_transaction_session_timeout", "60s".to_owned()),
        // Text has one form, whatever the role prefers, and quotes mean what the parser thinks they mean.
        ("standard_conforming_strings", "on".to_owned()),
        ("bytea_output", "hex".to_owned()),
        ("IntervalStyle", "postgres".to_owned()),
        ("xmloption", "content".to_owned()),
        ("extra_float_digits", "1".to_owned()),
        // Whole results are the norm.
        ("cursor_tuple_fraction", "1".to_owned()),
        // Compiling takes a third of a second wherever an estimate is high, our own questions to the catalogue among them.
        ("jit", "off".to_owned()),
    ];
    if version >= 14 {
        // The database notices by itself when we are gone.
        settings.push(("client_connection_check_interval", "1s".to_owned()));
    }
    if version >= 17 {
        settings
            .push(("transaction_timeout", format!("{}ms", timeout.saturating_mul(2).max(60_000))));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::begin_with;

    #[test]
    fn a_setting_cannot_end_its_literal() {
        let begin = begin_with(&[("search_path", r#""a'b\'c""#.to_owned())]);
        assert_eq!(
            begin,
            r#"BEGIN READ ONLY; SELECT set_config('search_path', E'"a''b\\''c"', true)"#
        );
    }
}
