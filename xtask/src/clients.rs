//! As a step of `test`: what `run` prints for clients with a command line, run by those clients.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use mcp_testkit::ServerCommand;
use tempfile::TempDir;

use crate::process::{output, variable};
use crate::run::clients::{HttpServer, StdioServer, sections};
use crate::server::{self, Server};
use crate::{npm, workspace};

const SCOPES: &str = "weather:read";
const TOKEN: &str = "dev-0123456789abcdef0123456789abcdef";
const TOOL: &str = "get_weather";

/// Lets Claude Code and the MCP Inspector connect to a server over HTTP and over stdio.
pub(crate) fn check() -> Result<()> {
    let clients = Clients::install()?;
    let built = server::built(vec![Server::named("weather")?])?;
    let (_, program) = built.into_iter().next().context("cargo built no server")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let command = ServerCommand::new(&program)
        .env("MCP_AUTH", "api-key")
        .env("MCP_API_KEYS", format!("{TOKEN}={SCOPES}"));
    // In a task, because testkit panics where a test would fail; here that is one more error.
    let start = runtime.spawn(async move { command.http().await });
    let server = runtime.block_on(start).context("the server does not start")?;

    let url = server.url();
    let http = HttpServer { name: "remote", url: &url, token: Some(TOKEN) };
    let stdio = StdioServer { name: "local", program: &program, scopes: SCOPES, environment: &[] };
    for printed in [http.to_string(), stdio.to_string()] {
        clients.run_all(&printed)?;
    }
    clients.ask_claude(&["remote", "local"])
}

/// Where the clients are installed, and a home that is theirs alone.
struct Clients {
    folder: PathBuf,
    path: OsString,
    home: TempDir,
}

impl Clients {
    fn install() -> Result<Self> {
        let folder = workspace::root().join("target/clients");
        let modules = npm::install(&workspace::root().join("tests/clients"), &folder)?;
        let node = npm::node(&modules)?;
        let own = [claude(&modules)?, node.parent().map(Path::to_owned).unwrap_or_default()];
        let usual = variable("PATH").unwrap_or_default();
        let path = env::join_paths(own.into_iter().chain(env::split_paths(&usual)))?;
        Ok(Self { folder, path, home: tempfile::tempdir()? })
    }

    /// Runs the commands among what was printed, each as it stands there.
    fn run_all(&self, printed: &str) -> Result<()> {
        for (title, body) in sections(printed).filter(|(_, body)| !body.starts_with('{')) {
            println!("{title}: {body}");
            let said = output(&mut self.shell(body)).with_context(|| title.to_owned())?;
            let lists_tools = body.contains("tools/list");
            ensure!(!lists_tools || said.contains(TOOL), "{title} knows no `{TOOL}`: {said}");
        }
        Ok(())
    }

    /// Asks Claude Code whether it can reach what was added.
    fn ask_claude(&self, names: &[&str]) -> Result<()> {
        let said = output(&mut self.shell("claude mcp list"))?;
        print!("{said}");
        for name in names {
            let line = said.lines().find(|line| line.starts_with(&format!("{name}:")));
            let is_connected = line.is_some_and(|line| line.ends_with("Connected"));
            ensure!(is_connected, "Claude Code does not reach `{name}`: {said}");
        }
        Ok(())
    }

    fn shell(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(&self.folder);
        shell.env("PATH", &self.path).env("HOME", self.home.path());
        // A client under test looks for nothing but the server.
        shell
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("NPM_CONFIG_OFFLINE", "true")
            .env("NPM_CONFIG_UPDATE_NOTIFIER", "false");
        shell
    }
}

/// The folder with the program of Claude Code for this machine, which comes as a package of its own.
fn claude(modules: &Path) -> Result<PathBuf> {
    let folder = modules.join("@anthropic-ai");
    let packages = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut packages = packages.filter_map(|it| Some(it.ok()?.path()));
    let is_program = |package: &PathBuf| package.join("claude").is_file();
    packages.find(is_program).context("Claude Code has no program for this machine")
}
