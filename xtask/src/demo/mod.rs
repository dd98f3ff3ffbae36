//! `demo`: servers driven by a real MCP client, as a transcript.

mod conversation;
pub(crate) mod github;
mod internal_data;
mod postgres;
mod stage;
mod ticketing;
mod weather;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use mcp_testkit::wire::VERSIONS;

use crate::sample::Environment;
use crate::server::{self, Server};
use conversation::Conversation;
use stage::{Stage, Transport};

/// Every demo, one file each.
const SCRIPTS: [Script; 5] =
    [ticketing::SCRIPT, postgres::SCRIPT, github::SCRIPT, weather::SCRIPT, internal_data::SCRIPT];

/// A server that has not finished its part by then hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Shows what a server does: starts it, drives it with a real MCP client, prints the transcript.
///
/// The client is rmcp's own, over HTTP in the newest protocol version and in an older one, and over stdio. Every answer
/// is compared with what it should be; the first that differs ends the demo with exit code 1. The servers work on a
/// temporary folder, and nothing of them stays.
///
/// Example: `cargo xtask demo ticketing`
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// A folder of `servers/`, such as `ticketing`; every server that has a demo when left out.
    server: Option<String>,
}

/// What a server's demo consists of.
struct Script {
    /// The server's folder in `servers/`.
    server: &'static str,
    /// The scopes of a client that may do everything, separated by spaces.
    scopes: &'static str,
    /// Where the server keeps its data, given a folder of its own.
    environment: fn(&Path) -> Result<Environment>,
    /// The headers that repeat arguments which gateways route by (`x-mcp-header`). A client learns of them from
    /// `tools/list`, which tells the reader nothing of a tool that it may not call.
    readers_headers: &'static [(&'static str, &'static str)],
    /// What the client says, and what it expects to hear.
    steps: for<'a> fn(&'a mut Conversation) -> Steps<'a>,
}

type Steps<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

impl Demo {
    pub(crate) fn run(&self) -> Result<()> {
        let scripts = self.scripts()?.into_iter();
        let build = |script: &'static Script| Ok((script, Server::named(script.server)?.build()?));
        play_all(scripts.map(build).collect::<Result<_>>()?)
    }

    fn scripts(&self) -> Result<Vec<&'static Script>> {
        let Some(name) = &self.server else { return Ok(SCRIPTS.iter().collect()) };
        let server = Server::named(name)?;
        let scripts: Vec<_> = SCRIPTS.iter().filter(|it| it.server == server.name).collect();
        let there_are = SCRIPTS.map(|script| script.server).join(", ");
        ensure!(!scripts.is_empty(), "{} has no demo yet; there are: {there_are}", server.name);
        Ok(scripts)
    }
}

/// Plays every demo, with programs as the tests build them.
pub(crate) fn check() -> Result<()> {
    let servers = SCRIPTS.iter().map(|script| Server::named(script.server));
    let built = server::built(servers.collect::<Result<_>>()?)?;
    let programs = built.into_iter().map(|(_, program)| program);
    play_all(SCRIPTS.iter().zip(programs).collect())
}

fn play_all(ready: Vec<(&'static Script, PathBuf)>) -> Result<()> {
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for (script, program) in ready {
        let outcome = runtime.block_on(play(script, program));
        outcome.with_context(|| format!("the demo of {}", script.server))?;
    }
    println!("\nevery answer was as expected ({:.1} s)", start.elapsed().as_secs_f64());
    Ok(())
}

/// Plays the script over every transport, until it ends, fails, hangs or is interrupted.
async fn play(script: &'static Script, program: PathBuf) -> Result<()> {
    // In a task, because testkit panics where a test would fail; here that is one more error.
    let mut performance = tokio::spawn(perform(script, program));
    let ended = tokio::select! {
        ended = tokio::time::timeout(PATIENCE, &mut performance) => Some(ended),
        _ = tokio::signal::ctrl_c() => None,
    };
    let outcome = match ended {
        Some(Ok(outcome)) => return outcome.context("the server failed the client")?,
        Some(Err(_)) => format!("did not end within {} s", PATIENCE.as_secs()),
        None => "interrupted".to_owned(),
    };
    // The servers and their folder go with the task, so wait until it is gone.
    performance.abort();
    performance.await.ok();
    bail!(outcome)
}

async fn perform(script: &'static Script, program: PathBuf) -> Result<()> {
    let [newest, older, ..] = VERSIONS;
    for (transport, version) in
        [(Transport::Http, newest.clone()), (Transport::Http, older), (Transport::Stdio, newest)]
    {
        println!("\n== mcp-{} over {transport}, MCP {version}\n", script.server);
        // Each conversation has a server and a database of its own, so all read alike.
        let stage = Stage::new(script, &program)?;
        let mut conversation = stage.open(transport, version).await?;
        (script.steps)(&mut conversation).await?;
        conversation.close().await?;
        stage.close().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_is_of_a_server_that_there_is() {
        for script in SCRIPTS {
            assert!(Server::named(script.server).is_ok(), "{}", script.server);
        }
    }

    #[test]
    fn an_unknown_server_has_no_demo() {
        let refusal = Demo { server: Some("nobody".to_owned()) }.scripts().err().unwrap();
        assert!(refusal.to_string().starts_with("no server `nobody`"), "{refusal}");
    }
}
