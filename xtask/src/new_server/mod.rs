//! `new-server`: a domain server that passes everything a change must pass, to begin from.

mod check;
mod names;
mod template;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Message;
use clap::Args;

use crate::process::{cargo_in, output, run};
use crate::{deploy, docs, surface, workspace};
pub(crate) use check::check;
use names::Names;

/// Makes a new domain server: a crate of one read and one write tool, a resource and a prompt over a REST API, with
/// its tests, snapshots, owners, threat model and generated pages.
///
/// What it makes passes `cargo xtask test` as it is. The server is found by its folder; nothing else lists it.
///
/// Example: `cargo xtask new-server notes --team knowledge`
#[derive(Debug, Args)]
pub(crate) struct NewServer {
    /// Lower-case words with `-` between: the folder of `servers/`; the package is `mcp-NAME`.
    name: String,
    /// Who owns it, as `@mcp-chassis/TEAM`; the server's own name when left out.
    #[arg(long)]
    team: Option<String>,
    /// Print the files that would be made, and make none.
    #[arg(long)]
    dry_run: bool,
}

impl NewServer {
    pub(crate) fn run(&self) -> Result<()> {
        let root = workspace::root();
        let names = Names::new(&self.name, self.team.as_deref())?;
        let files = template::render(root, &names)?;
        refuse_what_is_taken(root, &files)?;
        if self.dry_run {
            for file in &files {
                println!("{:>4} lines  {}", file.text.lines().count(), file.path.display());
            }
            println!(
                "and, from the built server: snapshots, surface.lock.json, deployment files and the generated pages"
            );
            return Ok(());
        }
        write(root, &names, &files)?;
        record(root, &names)?;
        let server = names.kebab();
        surface::bless(server)?;
        docs::renew()?;
        deploy::renew(server)?;
        println!(
            "\nservers/{server} stands. Next:\n\
             \x20 cargo xtask run {server}              serves it, with configuration to paste into a client\n\
             \x20 servers/{server}/src/tools/           one tool a file; change one, and then\n\
             \x20 cargo xtask surface --server {server}  says what that means for its clients\n\
             \x20 cargo xtask test                      all that a change must pass"
        );
        Ok(())
    }
}

fn refuse_what_is_taken(root: &Path, files: &[template::File]) -> Result<()> {
    match files.iter().find(|file| root.join(&file.path).exists()) {
        Some(file) => bail!("`{}` exists: choose another name", file.path.display()),
        None => Ok(()),
    }
}

/// Writes the files, formats them, and tells the lock file of the new member.
fn write(root: &Path, names: &Names, files: &[template::File]) -> Result<()> {
    for file in files {
        let path = root.join(&file.path);
        let folder = path.parent().context("a file stands in a folder")?;
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        fs::write(&path, &file.text).with_context(|| path.display().to_string())?;
    }
    // The order of imports and the width of lines depend on the name.
    run(&mut cargo_in(root, &format!("fmt --package {}", names.package())))?;
    run(&mut cargo_in(root, "update --workspace --offline --quiet"))
}

/// Runs the server's tests, which write what it answers as its first snapshots.
fn record(root: &Path, names: &Names) -> Result<()> {
    let mut tests = tests(root, names)?;
    run(tests.env("INSTA_UPDATE", "always").env("INSTA_FORCE_PASS", "1"))
        .with_context(|| format!("the tests of {}", names.package()))?;
    let snapshots = root.join("servers").join(names.kebab()).join("snapshots");
    ensure!(snapshots.is_dir(), "the tests of {} wrote no snapshot", names.package());
    Ok(())
}

/// Of the whole workspace, so that a server's tests share everything but themselves with those of the others.
const BUILD_TESTS: &str = "test --workspace --locked --test it --no-run";

/// The server's tests.
fn tests(root: &Path, names: &Names) -> Result<Command> {
    let mut build = cargo_in(root, BUILD_TESTS);
    let messages = output(build.args(["--message-format", "json-render-diagnostics"]))?;
    let folder = root.join("servers").join(names.kebab());
    let manifest = folder.join("Cargo.toml");
    let program = Message::parse_stream(messages.as_bytes()).find_map(|message| match message {
        Ok(Message::CompilerArtifact(it))
            if it.target.is_test() && it.manifest_path == manifest =>
        {
            it.executable
        }
        _ => None,
    });
    let mut tests = Command::new(program.context("cargo named no tests of the new server")?);
    tests.current_dir(folder);
    Ok(tests)
}
