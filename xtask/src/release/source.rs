//! What a release is made from: a commit, its time, a compiler.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{output, variable};
use crate::workspace;

/// Where the bytes come from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The commit of the sources.
    pub(super) commit: String,
    /// Seconds since 1970: `SOURCE_DATE_EPOCH`, or when the commit was made. Every file of a release has this time.
    pub(super) epoch: u64,
    /// The machine that the program runs on, such as `x86_64-unknown-linux-gnu`.
    pub(super) target: String,
    /// `rustc --version`.
    pub(super) compiler: String,
    /// Where the sources are published.
    pub(super) repository: String,
}

impl Source {
    /// Reads them of this checkout; refuses what is not committed unless `allow_dirty`.
    pub(super) fn read(allow_dirty: bool) -> Result<Self> {
        let changes = git(&["status", "--porcelain"])?;
        ensure!(
            allow_dirty || changes.is_empty(),
            "a release is made from a commit: commit or stash first (or `--allow-dirty`):\n{changes}"
        );
        let epoch = match variable("SOURCE_DATE_EPOCH") {
            Some(epoch) => epoch.to_string_lossy().into_owned(),
            None => git(&["log", "-1", "--format=%ct"])?,
        };
        Ok(Self {
            commit: git(&["rev-parse", "HEAD"])?,
            epoch: epoch.parse().context("SOURCE_DATE_EPOCH: expected seconds since 1970")?,
            target: host()?,
            compiler: output(rustc().arg("--version"))?.trim().to_owned(),
            repository: repository()?,
        })
    }

    /// The time of everything, as RFC 3339 writes it.
    pub(super) fn time(&self) -> String {
        rfc3339(self.epoch)
    }
}

/// The machine that this compiler compiles for.
pub(super) fn host() -> Result<String> {
    let version = output(rustc().arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// `https://github.com/mcp-chassis/mcp-chassis`, from the workspace's manifest.
fn repository() -> Result<String> {
    let manifest = std::fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let manifest: toml::Table = manifest.parse()?;
    let package = manifest.get("workspace").and_then(|it| it.get("package"));
    let repository = package.and_then(|it| it.get("repository")).and_then(toml::Value::as_str);
    Ok(repository.context("the workspace names no `repository`")?.to_owned())
}

fn rustc() -> Command {
    let mut command = Command::new("rustc");
    command.current_dir(workspace::root());
    command
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    let said = output(command.args(arguments).current_dir(workspace::root()))?;
    Ok(said.trim().to_owned())
}

/// Days are counted from a year that begins in March, so that a leap day is the last (Howard Hinnant, `civil_from_days`).
fn rfc3339(epoch: u64) -> String {
    let (days, seconds) = (epoch / 86_400 + 719_468, epoch % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_formats_want_them() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_763_769_600), "2025-11-22T00:00:00Z");
    }
}
