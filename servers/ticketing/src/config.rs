//! What a deployment of the ticketing server decides.

use mcp_chassis::{Reader, Settings};
use secrecy::SecretString;

/// The settings of the ticketing server.
#[derive(Debug)]
pub struct Config {
    /// `DATABASE_URL`: where tickets live. A SQLite file in the user's data directory when not set.
    pub(crate) database: SecretString,
}

impl Settings for Config {
    fn read(reader: &mut Reader<'_>) -> Self {
        let database = reader.secret(
            "DATABASE_URL",
            "where tickets live: `sqlite:FILE`, `sqlite::memory:` or `postgres://…`; a SQLite file in the user's \
             data directory when not set",
        );
        let database = database.unwrap_or_else(|| own_file(reader));
        Self { database }
    }
}

/// A file in the user's data directory.
fn own_file(reader: &mut Reader<'_>) -> SecretString {
    if let Some(directory) = reader.data_directory() {
        let file = directory.join("mcp-ticketing/tickets.db");
        return format!("sqlite:{}", file.display()).into();
    }
    let text = "is needed where there is no home directory: set `sqlite:FILE`".to_owned();
    reader.problem("DATABASE_URL", "default", text);
    SecretString::default()
}
