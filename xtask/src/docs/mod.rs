//! `docs`: pages, tables and owners that are generated from the code, so that none can be out of date.

mod clients;
#[cfg(test)]
mod commands;
mod owners;
mod readme;
mod server_page;
mod settings;

use std::fs;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::deploy::{self, Setting};
use crate::server::{self, Server};
use crate::surface::Lock;
use crate::workspace;

/// Renews what is generated: a page for each server, the settings of all, the README's table, what to paste into
/// clients, CODEOWNERS.
#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// Write nothing, and fail where something is out of date.
    #[arg(long)]
    check: bool,
}

/// A file as it should be.
#[derive(Debug)]
struct Generated {
    /// Relative to the root.
    path: String,
    text: String,
}

/// A server as its pages tell it.
#[derive(Debug)]
struct Described {
    server: Server,
    lock: Lock,
    settings: Vec<Setting>,
}

impl Docs {
    pub(crate) fn run(&self) -> Result<()> {
        if self.check { check() } else { renew() }
    }
}

/// As a step of `test`: everything generated is as it would be generated now.
pub(crate) fn check() -> Result<()> {
    let stale: Vec<_> = generated()?.into_iter().filter(|file| !file.is_current()).collect();
    let names: Vec<_> = stale.iter().map(|file| file.path.as_str()).collect();
    ensure!(names.is_empty(), "out of date, `cargo xtask docs` renews: {}", names.join(", "));
    Ok(())
}

/// Writes everything that is generated.
pub(crate) fn renew() -> Result<()> {
    for file in generated()?.iter().filter(|file| !file.is_current()) {
        let path = workspace::root().join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, &file.text).with_context(|| file.path.clone())?;
        println!("{}", file.path);
    }
    Ok(())
}

impl Generated {
    fn is_current(&self) -> bool {
        let written = fs::read_to_string(workspace::root().join(&self.path));
        written.is_ok_and(|text| text == self.text)
    }
}

fn generated() -> Result<Vec<Generated>> {
    let mut servers = Vec::new();
    for (server, program) in server::built(Server::all()?)? {
        let missing = format!("`cargo xtask surface --server {} --bless` comes first", server.name);
        let lock = Lock::read(&server.name)?.context(missing)?;
        let settings = deploy::settings(&program)?;
        servers.push(Described { server, lock, settings });
    }
    let mut files: Vec<_> = servers.iter().map(server_page::of).collect();
    files.push(settings::page(&servers));
    files.push(readme::with_servers(&servers)?);
    files.push(clients::with_configurations()?);
    files.push(owners::code_owners(&servers)?);
    Ok(files)
}

/// Text as a table's cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
