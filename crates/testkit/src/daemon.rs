//! Private servers of other makers: on a free port, in a temporary directory, gone with the test process.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::environment;

/// Runs a server until the pipe on its stdin speaks or breaks.
///
/// The pipe's other end is held by the test process alone, and the kernel closes it however that process ends:
/// no `Drop`, signal handler or parent-death signal is as sure. A line means "stop, but keep the files".
const GUARD: &str = r#"
signal=$1 directory=$2
shift 2
"$@" </dev/null &
read -r order
kill -s "$signal" $!
wait
[ "$order" = keep ] || rm -rf "$directory"
"#;

const START_LIMIT: Duration = Duration::from_secs(30);

/// How to start one kind of server.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The flag before the port.
    pub(crate) port_flag: &'static str,
    /// What the log says once connections are taken.
    pub(crate) ready: &'static str,
    /// What the log says when somebody else has the port.
    pub(crate) port_taken: &'static str,
    /// The signal that ends it at once, whatever its clients do.
    pub(crate) stop_signal: &'static str,
}

/// A temporary directory and the server in it, if it runs.
#[derive(Debug)]
pub(crate) struct Daemon {
    directory: PathBuf,
    guard: Option<Child>,
}

impl Daemon {
    /// Makes the directory, owned by the account that servers run under.
    pub(crate) fn new(prefix: &str) -> Self {
        let directory = tempfile::Builder::new().prefix(prefix).tempdir();
        let directory = directory.expect("a temporary directory can be made").keep();
        if let Some(account) = Self::account(&directory) {
            chown(&directory, Some(account), Some(account))
                .expect("root may give a directory away");
        }
        Self { directory, guard: None }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// PostgreSQL refuses to run as root, so root's servers belong to `nobody`.
    fn account(directory: &Path) -> Option<u32> {
        const NOBODY: u32 = 65_534;
        let owner = std::fs::metadata(directory).expect("the directory exists").uid();
        // The owner of what we made is who we are; after the first `chown` it stays the account.
        (owner == 0 || owner == NOBODY).then_some(NOBODY)
    }

    /// Writes a file that belongs to the server's account, and that nobody else may read.
    pub(crate) fn write(&self, path: &Path, text: &str) {
        std::fs::write(path, text).expect("the server's directory can be written");
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("the file is ours");
        if let Some(account) = Self::account(&self.directory) {
            chown(path, Some(account), Some(account)).expect("root may give a file away");
        }
    }

    /// A command in the directory, under the account, with a clean environment.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.directory).env_clear().env("LC_ALL", "C");
        command.envs(environment::variable("PATH").map(|path| ("PATH", path)));
        if let Some(account) = Self::account(&self.directory) {
            command.uid(account).gid(account);
        }
        command
    }

    /// Starts the server on a free port, which it returns.
    pub(crate) fn start_anywhere(&mut self, launch: &Launch) -> u16 {
        const ATTEMPTS: usize = 5;
        // Between our looking and the server's binding, another process may take the port.
        (0..ATTEMPTS)
            .map(|_| free_port())
            .find(|port| self.try_start(launch, *port))
            .unwrap_or_else(|| panic!("no port stayed free: {}", self.log()))
    }

    /// Starts the server on the port it had before.
    pub(crate) fn start(&mut self, launch: &Launch, port: u16) {
        assert!(self.try_start(launch, port), "port {port} was taken: {}", self.log());
    }

    fn try_start(&mut self, launch: &Launch, port: u16) -> bool {
        let log = File::create(self.directory.join("log")).expect("the log can be written");
        let mut command = self.command("sh");
        command.args(["-c", GUARD, "guard", launch.stop_signal]).arg(&self.directory);
        command.arg(&launch.program).args(&launch.arguments);
        command.args([launch.port_flag, &port.to_string()]);
        // Out of our process group, so that an interrupt on the terminal does not end the guard before its work.
        command.process_group(0).stdin(Stdio::piped());
        command.stdout(log.try_clone().expect("a file handle can be copied")).stderr(log);
        self.guard = Some(command.spawn().expect("`sh` can be started"));

        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            let log = self.log();
            if log.contains(launch.ready) {
                return true;
            }
            if log.contains(launch.port_taken) {
                self.stop();
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("`{}` did not start: {}", launch.program.display(), self.log())
    }

    /// Ends the server as a crash would, and keeps its files for the next start.
    pub(crate) fn stop(&mut self) {
        let Some(mut guard) = self.guard.take() else { return };
        let mut orders = guard.stdin.take().expect("the guard has a pipe");
        orders.write_all(b"keep\n").expect("the guard listens");
        guard.wait().expect("the guard ends after its server");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nothing here is worth a second panic: a closed pipe ends the guard as surely as an order.
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            drop(guard.wait());
        }
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
