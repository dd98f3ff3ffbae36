//! `deploy`: how every server is deployed, rendered from `server.toml` and the program's own settings.

mod aws;
mod check;
mod deployment;
mod kubernetes;
mod render;
mod settings;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::descriptor::Descriptor;
use crate::server;
use crate::workspace;
pub(crate) use check::samples;
pub(crate) use deployment::Deployment;
pub(crate) use render::{FILES, Rendered, files, template};
pub(crate) use settings::{Setting, of as settings};

/// Renders `deploy/<server>/`: Docker, compose, Kubernetes, Helm's values, Fly.io, Railway, AWS.
///
/// Everything comes from `servers/<server>/server.toml`, `deploy/defaults.toml` and the settings that the server's program
/// describes, through the templates of `deploy/templates`; so a variable is changed in one place. A variable that the
/// server does not read is refused.
///
/// Examples:{n}  cargo xtask deploy --dry-run --server weather{n}  cargo xtask deploy{n}  cargo xtask deploy --check
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// A folder of `servers/`, such as `ticketing`; all when left out.
    #[arg(long, value_name = "S")]
    server: Option<String>,
    /// Fail where a committed file is not what would be rendered, and have every file looked at by the tools of its platform.
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Print the files instead of writing them.
    #[arg(long)]
    dry_run: bool,
    /// Where the servers' folders are written.
    #[arg(long, value_name = "DIR", default_value = "deploy")]
    out: PathBuf,
}

impl Deploy {
    pub(crate) fn run(&self) -> Result<()> {
        let chosen = Descriptor::chosen(self.server.as_deref())?;
        let programs = programs(&chosen)?;
        let mut servers = Vec::new();
        for descriptor in chosen {
            let program = programs.get(&descriptor.package);
            let program = program.with_context(|| format!("no `{}`", descriptor.package))?;
            let deployment = deployment(descriptor, program)?;
            if self.check {
                check::configurations(&deployment, program)?;
            }
            servers.push(deployment);
        }
        match (self.check, self.dry_run) {
            (true, _) => self.compare(&servers),
            (false, true) => self.for_each(&servers, |folder, files| {
                for file in files {
                    println!("── {}\n{}", folder.join(&file.name).display(), file.text);
                }
                Ok(())
            }),
            (false, false) => self.for_each(&servers, write),
        }
    }

    fn for_each(
        &self,
        servers: &[Deployment],
        then: impl Fn(&Path, &[Rendered]) -> Result<()>,
    ) -> Result<()> {
        let folder = |server: &Deployment| self.out.join(&server.server.name);
        servers.iter().try_for_each(|server| then(&folder(server), &files(server)?))
    }

    /// Renders into a folder of `target/`, compares with what is committed, and has the tools look at it. A server that
    /// was never rendered is looked at all the same.
    fn compare(&self, servers: &[Deployment]) -> Result<()> {
        let stage = workspace::root().join("target/deploy");
        let mut outdated = Vec::new();
        for server in servers {
            let name = &server.server.name;
            let (staged, committed) = (stage.join(name), self.out.join(name));
            fs::create_dir_all(&staged)?;
            for file in files(server)? {
                fs::write(staged.join(&file.name), &file.text)?;
                let path = committed.join(&file.name);
                let is_current = fs::read_to_string(workspace::root().join(&path))
                    .is_ok_and(|text| text == file.text);
                let is_rendered = workspace::root().join(&committed).is_dir();
                outdated.extend((is_rendered && !is_current).then(|| path.display().to_string()));
            }
        }
        ensure!(
            outdated.is_empty(),
            "not as rendered; `cargo xtask deploy` renews:\n  {}",
            outdated.join("\n  ")
        );
        check::files(&stage, servers)
    }
}

/// As a step of `test`: everything is as rendered, and every platform's tools take it.
pub(crate) fn check() -> Result<()> {
    Deploy { server: None, check: true, dry_run: false, out: "deploy".into() }.run()
}

/// Writes the files of one server.
pub(crate) fn renew(server: &str) -> Result<()> {
    Deploy { server: Some(server.to_owned()), check: false, dry_run: false, out: "deploy".into() }
        .run()
}

/// What a server is deployed with, by what its program says of its settings.
pub(crate) fn deployment(descriptor: Descriptor, program: &Path) -> Result<Deployment> {
    Deployment::new(descriptor, settings::of(program)?)
}

/// The servers' programs, built as the tests build them.
pub(crate) fn programs(servers: &[Descriptor]) -> Result<HashMap<String, PathBuf>> {
    server::built_as_tests(servers.iter().map(|it| it.package.as_str()))
}

/// Writes files into a folder, relative to the root of the workspace, and says which.
pub(crate) fn write(folder: &Path, files: &[Rendered]) -> Result<()> {
    fs::create_dir_all(workspace::root().join(folder))?;
    for file in files {
        let path = folder.join(&file.name);
        fs::write(workspace::root().join(&path), &file.text)
            .with_context(|| format!("`{}`", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
