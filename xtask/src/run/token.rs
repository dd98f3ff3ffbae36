//! The development token of a server, which survives a restart.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use uuid::Uuid;

use crate::workspace;

/// Shows whoever finds the token in a log or a configuration what it is.
const PREFIX: &str = "dev-";

/// The token of `server`, made at its first run and kept under `target/`, where git does not look.
pub(crate) fn of(server: &str) -> Result<String> {
    let file = workspace::target_directory()?.join("dev").join(server).with_extension("token");
    kept_in(&file).with_context(|| format!("the development token in `{}`", file.display()))
}

fn kept_in(file: &Path) -> Result<String> {
    if let Ok(token) = fs::read_to_string(file)
        && is_ours(&token)
    {
        return Ok(token);
    }
    let token = format!("{PREFIX}{}", Uuid::new_v4().simple());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // Nobody else on this machine may read it: it opens everything that the server can do.
    let mut open = OpenOptions::new();
    open.create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?
        .write_all(token.as_bytes())?;
    Ok(token)
}

/// A file that was cut off or edited is made anew.
fn is_ours(token: &str) -> bool {
    token.strip_prefix(PREFIX).is_some_and(|random| Uuid::try_parse(random).is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_survives_a_restart_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dev/ticketing.token");
        let token = kept_in(&file).unwrap();
        assert_eq!(kept_in(&file).unwrap(), token);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_token_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ticketing.token");
        for damage in ["", "dev-", "dev-0123", "other"] {
            fs::write(&file, damage).unwrap();
            let token = kept_in(&file).unwrap();
            assert!(is_ours(&token) && token != damage, "{token}");
        }
    }
}
