//! A server in the foreground: its log, its address, our signals, its exit code.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

/// Where clients are used to find a server.
pub(crate) const PREFERRED: SocketAddr = local(8080);

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// The preferred address, or any free port when something listens there already.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let free = TcpListener::bind(PREFERRED).or_else(|_| TcpListener::bind(local(0)));
    Ok(free.context("no free port on 127.0.0.1")?.local_addr()?)
}

/// The server came to an end that was no success.
#[derive(Debug)]
pub(crate) struct ServerEnded(ExitStatus);

impl ServerEnded {
    pub(super) fn new(status: ExitStatus) -> Self {
        Self(status)
    }

    /// The server's exit code; for a signal what a shell would say.
    pub(crate) fn code(&self) -> u8 {
        let code = self.0.code().or_else(|| self.0.signal().map(|signal| 128 + signal));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }
}

impl fmt::Display for ServerEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server ended ({})", self.0)
    }
}

impl std::error::Error for ServerEnded {}

/// Runs an HTTP server to its end. `announce` gets its URL as soon as it answers.
pub(crate) async fn until_it_ends(command: Command, announce: impl FnOnce(&str)) -> Result<()> {
    let status = supervise(command, announce).await?;
    if status.success() { Ok(()) } else { Err(ServerEnded(status).into()) }
}

async fn supervise(command: Command, announce: impl FnOnce(&str)) -> Result<ExitStatus> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    // In a group of its own, so that a Ctrl-C reaches it once: through us.
    let mut child = command.process_group(0).spawn().context("the server does not start")?;
    let mut log = BufReader::new(child.stderr.take().context("stderr is piped")?).lines();
    let mut announce = Some(announce);
    let mut is_logging = true;
    loop {
        tokio::select! {
            line = log.next_line(), if is_logging => match line {
                Ok(Some(line)) => {
                    eprintln!("{line}");
                    if let Some(url) = listening_url(&line)
                        && let Some(announce) = announce.take()
                    {
                        announce(url);
                    }
                }
                _ => is_logging = false,
            },
            // Only once its last words are read.
            status = child.wait(), if !is_logging => return Ok(status?),
            Some(()) = interrupt.recv() => forward(&child, Signal::SIGINT),
            Some(()) = terminate.recv() => forward(&child, Signal::SIGTERM),
            // The server reloads its configuration by it.
            Some(()) = hangup.recv() => forward(&child, Signal::SIGHUP),
        }
    }
}

fn forward(child: &Child, signal: Signal) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(Err(error)) = id.map(|id| kill(Pid::from_raw(id), signal)) {
        eprintln!("the server does not take {signal}: {error}");
    }
}

/// The URL in the log line that says where the server listens.
fn listening_url(line: &str) -> Option<&str> {
    let (_, url) = line.split_once("listening on ")?;
    let (url, _) = url.split_once("/mcp")?;
    line.get(line.find(url)?..)?.get(..url.len() + "/mcp".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn end_of(script: &str, mut heard: impl FnMut(&str)) -> Result<()> {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        until_it_ends(shell, |url| heard(url)).await
    }

    #[tokio::test]
    async fn the_url_is_announced_once_and_the_exit_code_is_the_servers() {
        let script =
            "for i in 1 2; do echo 'INFO listening on http://127.0.0.1:4711/mcp' >&2; done; exit 3";
        let mut heard = Vec::new();
        let error = end_of(script, |url| heard.push(url.to_owned())).await.unwrap_err();
        assert_eq!(heard, ["http://127.0.0.1:4711/mcp"]);
        assert_eq!(error.downcast::<ServerEnded>().unwrap().code(), 3);
    }

    #[tokio::test]
    async fn a_server_that_ends_well_is_a_success() {
        assert!(end_of("exit 0", |_| ()).await.is_ok());
    }

    #[tokio::test]
    async fn a_server_that_was_killed_ends_as_a_shell_would_say() {
        let error = end_of("kill -KILL $$", |_| ()).await.unwrap_err();
        assert_eq!(error.downcast::<ServerEnded>().unwrap().code(), 137);
    }

    #[test]
    fn the_url_is_found_in_text_and_in_json() {
        let url = Some("http://127.0.0.1:80/mcp");
        assert_eq!(listening_url("INFO listening on http://127.0.0.1:80/mcp url=x"), url);
        assert_eq!(listening_url(r#"{"message":"listening on http://127.0.0.1:80/mcp"}"#), url);
        assert_eq!(listening_url("INFO listening on it"), None);
    }
}
