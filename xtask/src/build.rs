//! `build`: server binaries with the transports that a team wants.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::apps;
use crate::process::{cargo, run};
use crate::server::Server;
use crate::workspace;

/// Builds one server or all, and prints where each binary is and how large.
///
/// The pages that servers include (`ui/src`) are built first, where there is npm; elsewhere those that are committed stand.
///
/// Example: `cargo xtask build --server weather --transport stdio --release`
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// A folder of `servers/`, such as `ticketing`; all when left out.
    #[arg(long, value_name = "S")]
    server: Option<String>,
    /// A binary with one transport carries no code of the other.
    #[arg(long, value_enum, default_value_t = Transport::Both)]
    transport: Transport,
    /// Optimised and stripped. A release adds remapped paths and packed relocations.
    #[arg(long)]
    release: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Transport {
    Stdio,
    Http,
    Both,
}

impl Build {
    pub(crate) fn run(&self) -> Result<()> {
        apps::build_pages()?;
        for package in self.packages()? {
            run(&mut cargo(&self.arguments(&package)))?;
            let binary = self.binary(&package)?;
            let size = fs::metadata(&binary).with_context(|| format!("`{}`", binary.display()))?;
            println!("{}  {}", binary.display(), mebibytes(size.len()));
        }
        Ok(())
    }

    fn packages(&self) -> Result<Vec<String>> {
        let servers = match &self.server {
            Some(server) => vec![Server::named(server)?],
            None => Server::all()?,
        };
        Ok(servers.into_iter().map(|server| server.package).collect())
    }

    fn arguments(&self, package: &str) -> String {
        let features = match self.transport {
            Transport::Stdio => "--no-default-features --features stdio",
            Transport::Http => "--no-default-features --features http",
            Transport::Both => "--no-default-features --features stdio,http",
        };
        let profile = if self.release { "--release" } else { "" };
        // The bin is named, so that a library alone is an error and not a silent success.
        format!("build --locked --package {package} --bin {package} {features} {profile}")
    }

    fn binary(&self, package: &str) -> Result<PathBuf> {
        let profile = if self.release { "release" } else { "debug" };
        Ok(workspace::target_directory()?.join(profile).join(package))
    }
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transport_leaves_the_other_out() {
        let build = Build { server: None, transport: Transport::Stdio, release: true };
        let arguments = build.arguments("mcp-weather");
        assert!(
            arguments.contains("--no-default-features --features stdio --release"),
            "{arguments}"
        );
    }

    #[test]
    fn sizes_are_rounded_down_to_a_tenth() {
        assert_eq!(mebibytes(1 << 20), "1.0 MiB");
        assert_eq!(mebibytes((1 << 20) * 5 / 2), "2.5 MiB");
    }
}
