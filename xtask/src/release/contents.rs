//! What the archive of a server holds: all that its program tells of itself, and what people read.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Subject;
use super::archive::Entries;
use crate::deploy;
use crate::process::output;
use crate::workspace;

/// Completion scripts, each under the name that its shell looks for.
fn completions(package: &str) -> [(&'static str, String); 3] {
    [
        ("bash", format!("completions/{package}.bash")),
        ("fish", format!("completions/{package}.fish")),
        ("zsh", format!("completions/_{package}")),
    ]
}

/// The program with its man page, completions, licence, README and an example of its configuration.
pub(super) fn of(subject: &Subject) -> Result<Entries> {
    let (server, root) = (subject.server(), workspace::root());
    let package = &server.package;
    let said = |arguments: &[&str]| output(Command::new(&subject.program).args(arguments));
    let mut entries = Entries::default();
    entries.program(package.clone(), read(&subject.program)?);
    entries.file(format!("{package}.1"), said(&["man"])?);
    for (shell, path) in completions(package) {
        entries.file(path, said(&["completions", shell])?);
    }
    entries.file("LICENSE", read(&root.join("LICENSE"))?);
    entries.file("README.md", read(&root.join("servers").join(&server.name).join("README.md"))?);
    entries.file(
        format!("{package}.example.toml"),
        deploy::template("example.toml", &subject.deployment)?,
    );
    entries.file(".env.example", deploy::template(".env.example", &subject.deployment)?);
    Ok(entries)
}

/// The files of a folder and of those in it.
pub(super) fn folder(folder: &Path) -> Result<Entries> {
    let mut entries = Entries::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("`{}`", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                entries.file(path.strip_prefix(folder)?.display().to_string(), read(&path)?);
            }
        }
    }
    Ok(entries)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("`{}`", path.display()))
}
