//! `run`: a server for development, and how to connect a client to it.

pub(crate) mod clients;
mod supervise;
mod token;

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::Args;
use mcp_testkit::Issuer;
use tokio::runtime::Builder;

use crate::sample::{self, Environment};
use crate::server::{Server, scopes};
use clients::{HttpServer, StdioServer};
pub(crate) use supervise::ServerEnded;

/// Builds a server, starts it, and prints what to paste into a client.
///
/// The server listens on 127.0.0.1:8080 (on a free port when that one is taken) and keeps its data where it does by
/// default, so that a restart finds it again; a server of PostgreSQL gets a private one with sample data unless
/// `DATABASE_URL` is set. A development token lets the client do everything that the server offers.
/// It is made once per server and kept under `target/`, so that a pasted configuration goes on working.
/// Settings in the environment (`RUST_LOG`, `DATABASE_URL`, `MCP_RATE_LIMIT`, …) reach the server. Ctrl-C stops it; the
/// exit code is the server's.
///
/// Examples:{n}  cargo xtask run ticketing{n}  cargo xtask run ticketing --oauth{n}  cargo xtask run ticketing --stdio
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command")]
pub(crate) struct Run {
    /// A folder of `servers/`, such as `ticketing`.
    server: String,
    /// Serve HTTP; so it is without any flag.
    #[arg(long, conflicts_with = "stdio")]
    http: bool,
    /// Print the stdio configuration, with which the client starts the server itself; or, where stdin is no terminal,
    /// serve the client that started this command.
    #[arg(long)]
    stdio: bool,
    /// Ask clients to log in, instead of giving them a token: an authorization server for development runs beside the
    /// server, and a click on its page is the login.
    #[arg(long, conflicts_with = "stdio")]
    oauth: bool,
    /// Print the configuration and serve nothing.
    #[arg(long)]
    print: bool,
}

impl Run {
    pub(crate) fn run(&self) -> Result<()> {
        let server = Server::named(&self.server)?;
        let program = server.build()?;
        let environment = sample::environment(&server.name)?;
        let scopes = scopes(&program, &environment)?.into_iter().collect::<Vec<_>>().join(" ");
        let stdio = StdioServer {
            name: &server.name,
            program: &program,
            scopes: &scopes,
            environment: &environment,
        };
        if self.stdio {
            if !self.print && is_started_by_a_client() {
                return serve_stdio(&program, &scopes, environment);
            }
            print!("{stdio}");
            return Ok(());
        }
        let token = if self.oauth { None } else { Some(token::of(&server.name)?) };
        let token = token.as_deref();
        let announce = |url: &str| {
            print!("{}{stdio}", HttpServer { name: &server.name, url, token });
        };
        if self.print {
            announce(&format!("http://{}/mcp", supervise::PREFERRED));
            return Ok(());
        }
        let mut command = Command::new(&program);
        command.args(["http", "--listen", &supervise::free_address()?.to_string()]);
        command.envs(environment.iter().cloned());
        default(&mut command, "MCP_LOG_FORMAT", "text");
        if let Some(token) = token {
            command.env("MCP_AUTH", "api-key").env("MCP_API_KEYS", format!("{token}={scopes}"));
        }
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            // Lives as long as the server.
            let issuer = if self.oauth { Some(Issuer::start().await) } else { None };
            if let Some(issuer) = &issuer {
                command.env("MCP_AUTH", "oauth").env("MCP_AUTH_ISSUER", issuer.url());
            }
            supervise::until_it_ends(command, announce).await
        })
    }
}

/// Somebody at a keyboard wants to read the configuration; a client holds both ends of a pipe.
fn is_started_by_a_client() -> bool {
    !std::io::stdin().is_terminal() && !std::io::stdout().is_terminal()
}

/// Becomes the server; comes back only with the reason why not. What ends with this process keeps it: then the
/// server is a child.
fn serve_stdio(program: &Path, scopes: &str, environment: Environment) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("stdio").stdin(Stdio::inherit());
    default(&mut command, "MCP_STDIO_SCOPES", scopes);
    let is_keeper = !environment.is_empty();
    command.envs(environment);
    let problem = || format!("`{}` does not start", program.display());
    if is_keeper {
        let status = command.status().with_context(problem)?;
        return if status.success() { Ok(()) } else { Err(ServerEnded::new(status).into()) };
    }
    Err(anyhow::Error::new(command.exec()).context(problem()))
}

/// Sets a variable unless our own environment has it: what the developer chose wins.
fn default(command: &mut Command, name: &str, value: &str) {
    if crate::process::variable(name).is_none() {
        command.env(name, value);
    }
}
