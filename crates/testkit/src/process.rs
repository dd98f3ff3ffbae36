//! One of our binaries as a child process: its address, its log, its signals.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::environment;
use crate::stdio::StdioClient;

/// How long a child may take to start, to answer or to end.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A binary, its arguments and its whole environment (beside `PATH`).
#[derive(Debug, Clone)]
pub struct ServerCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl ServerCommand {
    /// A command for `program`, usually `env!("CARGO_BIN_EXE_mcp-…")`.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let program = program.as_ref().to_owned();
        Self { program, arguments: Vec::new(), environment: Vec::new() }
    }

    /// The binary, for a command that runs it in its turn.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|it| it.as_ref().to_owned()));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts `http --listen 127.0.0.1:0` and waits until the log names the bound address.
    pub async fn http(&self) -> ServerProcess {
        self.http_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts `http` at an address, say that of a server that has ended.
    pub async fn http_at(&self, address: SocketAddr) -> ServerProcess {
        let command = self.clone().args(["http", "--listen", &address.to_string()]);
        let mut process = ServerProcess::spawn(&command);
        let line = process.wait_for_log("listening").await;
        let address = socket_address(&line);
        process.address = Some(address.unwrap_or_else(|| panic!("no address in `{line}`")));
        process
    }

    /// Starts `stdio` and speaks raw JSON-RPC with it.
    pub fn stdio(&self) -> StdioClient {
        StdioClient::new(ServerProcess::spawn(&self.clone().args(["stdio"])))
    }

    /// Runs the command to its end, within [`PATIENCE`].
    pub async fn output(&self) -> Output {
        let output = self.command().stdin(Stdio::null()).output();
        let output = timeout(PATIENCE, output).await;
        output.expect("the command ends in time").expect("the program can be started")
    }

    /// The command as tokio runs it; the child is killed when its handle is dropped.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().kill_on_drop(true);
        command.envs(environment::variable("PATH").map(|path| ("PATH", path)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A running child; killed when dropped.
pub struct ServerProcess {
    child: Child,
    log: watch::Receiver<Vec<String>>,
    address: Option<SocketAddr>,
}

impl ServerProcess {
    pub(crate) fn spawn(command: &ServerCommand) -> Self {
        let mut command = command.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let log = collect_lines(child.stderr.take().expect("stderr is piped"));
        Self { child, log, address: None }
    }

    /// The address that an HTTP server is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("only a server of `ServerCommand::http` has an address")
    }

    /// The MCP endpoint of an HTTP server.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address())
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process was not waited for")
    }

    /// The lines that stand on stderr so far.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Waits until a line on stderr contains `text`, and returns the first such line.
    pub async fn wait_for_log(&self, text: &str) -> String {
        let found = self.find_log_line(|line| line.contains(text)).await;
        found.unwrap_or_else(|| panic!("no `{text}` on stderr: {:#?}", self.log()))
    }

    /// Waits until a line on stderr is as wanted, and returns the first such line.
    pub async fn wait_for_log_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.find_log_line(wanted).await;
        found.unwrap_or_else(|| panic!("no such line on stderr: {:#?}", self.log()))
    }

    async fn find_log_line(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let mut log = self.log.clone();
        let is_there = |lines: &Vec<String>| lines.iter().any(|line| wanted(line));
        let lines = timeout(PATIENCE, log.wait_for(is_there)).await.ok()?.ok()?;
        lines.iter().find(|line| wanted(line)).cloned()
    }

    /// Kills the process as a power cut would, and waits until it is gone.
    pub async fn kill_9(&mut self) {
        self.child.kill().await.expect("the process can be killed");
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait().await
    }

    /// Sends a signal, for instance SIGHUP to reload the configuration.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("a process id fits");
        kill(Pid::from_raw(id), signal).expect("our child takes signals from us");
    }

    /// Waits for the process to end by itself, within [`PATIENCE`].
    pub async fn wait(&mut self) -> ExitStatus {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("still running: {:#?}", self.log()));
        status.expect("our child can be waited for")
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl fmt::Debug for ServerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerProcess")
            .field("id", &self.child.id())
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Reads lines as they come, so that the child never blocks on a full pipe.
fn collect_lines(stderr: impl AsyncRead + Send + Unpin + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender.send_modify(|seen| seen.push(line));
        }
    });
    receiver
}

/// The first socket address in a log line, whatever stands around it.
fn socket_address(line: &str) -> Option<SocketAddr> {
    let outside = |c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']'));
    line.split(outside).find_map(|it| it.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_any_log_format() {
        let expected = Some("127.0.0.1:4711".parse().unwrap());
        for line in [
            r#"{"timestamp":"2026-11-21T11:44:24Z","message":"listening","address":"127.0.0.1:4711"}"#,
            "2026-11-21T11:44:24Z INFO listening on http://127.0.0.1:4711/mcp",
            "listening address=127.0.0.1:4711",
        ] {
            assert_eq!(socket_address(line), expected, "{line}");
        }
        assert_eq!(socket_address("on [::1]:80,"), Some("[::1]:80".parse().unwrap()));
        assert_eq!(socket_address("not listening at 11:44:24"), None);
    }
}
