//! `apps`: the pages that show what tools answer (MCP Apps), as their sources give them, in a real browser.

mod pages;
mod servers;

use anyhow::{Context, Result};
use clap::Args;

use crate::prerequisites::program;
use crate::process::run;
use pages::Pages;
pub(crate) use pages::build_pages;
use servers::Servers;

/// Checks that the pages are what `ui/src` gives, and tries them in headless Chromium.
///
/// Each page is framed as hosts frame it, by the official `@modelcontextprotocol/ext-apps`, and talks through it to a
/// real server: tickets in SQLite, a private PostgreSQL with the sample data, recorded weather. Its calls, errors, keyboard
/// and accessibility are tried, and pictures of it, light and dark, are compared with those in `docs/apps/`.
///
/// Examples:{n}  cargo xtask apps{n}  cargo xtask apps --only keyboard{n}  cargo xtask apps --accept
#[derive(Debug, Args)]
pub(crate) struct Apps {
    /// Write the pages as their sources give them, and keep the pictures of how they look.
    #[arg(long)]
    accept: bool,
    /// Run the tests whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

impl Apps {
    pub(crate) fn run(&self) -> Result<()> {
        let pages = Pages::install()?;
        if self.accept {
            // Before the servers are built, which include them.
            pages.build()?;
        } else {
            pages.check()?;
        }
        pages.lint()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let servers = runtime.block_on(Servers::start())?;
        let chromium =
            program(&BROWSERS).context("missing: chromium, see `test --only prerequisites`")?;
        let mut tests = pages.node();
        tests.env("MCP_APPS_SERVERS", servers.description().to_string());
        tests.env("MCP_APPS_CHROMIUM", chromium);
        if self.accept {
            tests.env("MCP_APPS_ACCEPT", "1");
        }
        tests.args(["--test", "--test-name-pattern", &self.only, "test/*.test.ts"]);
        // The runtime reads the servers' logs meanwhile.
        let outcome = run(&mut tests);
        drop(servers);
        outcome.context("once looked at, `cargo xtask apps --accept` keeps pages and pictures")
    }
}

/// What Chromium is called, where it comes from Debian and elsewhere.
pub(crate) const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// As a step of `test`.
pub(crate) fn run_whole() -> Result<()> {
    Apps { accept: false, only: String::new() }.run()
}
