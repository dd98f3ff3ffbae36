//! Tickets in one SQLite file.

use std::{path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _,
    error::DatabaseError,
    migrate::Migrator,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
    },
};
use tokio::time::Instant;

use super::{
    Result, StoreError,
    database::{Driver, Pools, SqlitePools},
    rules,
    sql::select_tickets,
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

const READERS: u32 = 4;
/// How long a call waits for a connection, and a connection for the lock of another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries for a lock that SQLite does not wait for.
const PAUSE: Duration = Duration::from_millis(20);

/// Both lists of matches come from the full-text indexes, the rows from their numbers.
pub(super) const SEARCH: &str = select_tickets!(
    "WHERE number IN ( \
        SELECT rowid FROM ticket_text WHERE ticket_text MATCH $1 \
        UNION ALL \
        SELECT ticket FROM ticket_comments WHERE id IN \
            (SELECT rowid FROM comment_text WHERE comment_text MATCH $1) \
     ) \
     AND ($2 IS NULL OR status = $2) \
     AND ($3 IS NULL OR priority = $3) \
     AND ($4 IS NULL OR assignee = $4) \
     AND number < $5 ORDER BY number DESC LIMIT $6"
);

/// All words in FTS5's syntax, each in quotes: a quoted word is a word, whatever it says.
pub(super) fn match_all(words: &[String]) -> String {
    let quoted =
        |word: &String| format!("\"{word}\"{}", if rules::is_prefix(word) { "*" } else { "" });
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Opens what `url` names, creating the file and its directory when they are missing.
pub(super) async fn open(url: &str) -> Result<Pools> {
    let options = SqliteConnectOptions::from_str(url)
        .ok()
        // Without a name SQLite would make a file that is gone with the connection.
        .filter(|options| !options.get_filename().as_os_str().is_empty())
        // The reason is left out: it may repeat a part of the URL.
        .ok_or(StoreError::url("must name a file, like `sqlite:/var/lib/tickets.db`"))?
        .create_if_missing(true)
        .busy_timeout(PATIENCE)
        // Readers go on while somebody writes.
        .journal_mode(SqliteJournalMode::Wal)
        // WAL with NORMAL syncs at checkpoints and may lose the last commits with the power; FULL syncs
        // the log at every commit, so that what was acknowledged stays.
        // See https://sqlite.org/pragma.html#pragma_synchronous.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .disable_statement_logging();
    let in_memory = url.trim_start_matches("sqlite:").trim_start_matches("//") == ":memory:";
    if !in_memory {
        create_directory(options.get_filename()).await?;
        tracing::info!("tickets are kept in {}", options.get_filename().display());
    }
    let writer = writer(&options).await?;
    migrate(&writer).await?;
    let reader = if in_memory {
        // Another connection would see another, empty database.
        writer.clone()
    } else {
        pool(READERS).connect_with(options.pragma("query_only", "ON")).await?
    };
    Ok(Pools(Driver::Sqlite(SqlitePools { writer, reader })))
}

/// Tries again while the file is locked: another process may be turning the same new file to WAL, and
/// for that lock SQLite does not wait by itself.
async fn writer(options: &SqliteConnectOptions) -> Result<SqlitePool> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match pool(1).connect_with(options.clone()).await {
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            connected => return Ok(connected?),
        }
    }
}

/// Whether this is `SQLITE_BUSY`, in any of its extended forms.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// One transaction around all migrations: sqlx has no lock for SQLite, and of two processes that open
/// a new file at once the second must find the work done.
async fn migrate(writer: &SqlitePool) -> Result<()> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    // Not `run`: the compiler cannot prove its future `Send` for every lifetime of the connection.
    MIGRATIONS.run_direct(None, &mut *transaction, false).await?;
    Ok(transaction.commit().await?)
}

fn pool(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        // Connections to a file do not age, and a database in memory ends with its connection.
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(PATIENCE)
}

async fn create_directory(file: &Path) -> Result<()> {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => {
            tokio::fs::create_dir_all(directory)
                .await
                .map_err(|error| StoreError::Unavailable(error.into()))
        }
        _ => Ok(()),
    }
}
