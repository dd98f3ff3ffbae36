//! What a deployment of the ticketing server decides.

use std::{fs, os::unix::fs::PermissionsExt};

use mcp_chassis::{Deployment, Finding, Reader, Settings};
use secrecy::{ExposeSecret, SecretString};

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

    fn review(&self, deployment: Deployment) -> Vec<Finding> {
        let url = self.database.expose_secret();
        let Some(file) = url.strip_prefix("sqlite:") else { return Vec::new() };
        if file.contains(":memory:") {
            let text = "DATABASE_URL keeps tickets in memory: all are lost when the server stops";
            let judged = if deployment.is_reachable { Finding::fail } else { Finding::warn };
            return vec![judged("tickets", text.to_owned())];
        }
        let mut findings = Vec::new();
        if deployment.is_reachable {
            let text = "DATABASE_URL is a file of this machine, which a second replica does not see: use postgres://";
            findings.push(Finding::warn("tickets", text));
        }
        let path = file.trim_start_matches("//").split('?').next().unwrap_or(file);
        let mode = fs::metadata(path).map(|file| file.permissions().mode() & 0o777);
        if let Some(mode) = mode.ok().filter(|mode| mode & 0o006 != 0) {
            let text = format!("others of this machine see {path} (mode {mode:04o}): `chmod 0600`");
            let judged = if mode & 0o002 == 0 { Finding::warn } else { Finding::fail };
            findings.push(judged("tickets", text));
        }
        findings
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
