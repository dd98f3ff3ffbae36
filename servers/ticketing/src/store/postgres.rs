//! Tickets in PostgreSQL, for several replicas.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
};

use super::{
    Result, StoreError,
    database::{Driver, Pools},
    notices, rules,
    sql::select_tickets,
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Those of calls, and one that listens.
const CONNECTIONS: u32 = 16 + 1;
/// How long a call waits for a connection, a new one included.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Both lists of matches come from the GIN indexes, the rows from their numbers.
pub(super) const SEARCH: &str = select_tickets!(
    "WHERE number IN ( \
        SELECT number FROM tickets WHERE words @@ to_tsquery('simple', $1) \
        UNION ALL \
        SELECT ticket FROM ticket_comments WHERE words @@ to_tsquery('simple', $1) \
     ) \
     AND ($2 IS NULL OR status = $2) \
     AND ($3 IS NULL OR priority = $3) \
     AND ($4 IS NULL OR assignee = $4) \
     AND number < $5 ORDER BY number DESC LIMIT $6"
);

/// All words in the syntax of `to_tsquery`, each in quotes: a quoted word is a word, whatever it says.
pub(super) fn match_all(words: &[String]) -> String {
    let quoted =
        |word: &String| format!("'{word}'{}", if rules::is_prefix(word) { ":*" } else { "" });
    words.iter().map(quoted).collect::<Vec<_>>().join(" & ")
}

/// Connects to what `url` names.
///
/// The pool checks a connection before it hands it out and replaces the broken ones, so a restart of the
/// database costs the calls under way and no more.
pub(super) async fn open(url: &str) -> Result<Pools> {
    let options = PgConnectOptions::from_str(url)
        // The reason may repeat a part of the URL.
        .map_err(|_| StoreError::url("must be like `postgres://user:password@host/database`"))?
        .application_name("mcp-ticketing")
        .disable_statement_logging();
    migrate(&options).await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options.options([
            // A role or database that says otherwise would have us acknowledge what may be lost.
            ("synchronous_commit", "on"),
            ("statement_timeout", "10s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "30s"),
            (notices::REPLICA, notices::replica().as_str()),
        ]))
        .await?;
    Ok(Pools(Driver::Postgres(pool)))
}

/// On a connection of its own: a long migration must not hit the timeouts of calls. sqlx takes an
/// advisory lock, so replicas that start at once migrate one after the other.
async fn migrate(options: &PgConnectOptions) -> Result<()> {
    let connecting = PgConnection::connect_with(options);
    let mut connection = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|elapsed| StoreError::Unavailable(elapsed.into()))??;
    // Not `run`: the compiler cannot prove its future `Send` for every lifetime of the connection.
    MIGRATIONS.run_direct(None, &mut connection, false).await?;
    Ok(connection.close().await?)
}
