//! A subject as a process of its own, and what the kernel says of it.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Nothing that is measured takes longer to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program with its own arguments, which come first, and its whole environment.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Program {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, arguments: Vec::new(), environment: Vec::new() }
    }

    #[must_use]
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    #[must_use]
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Starts it on a free port; it may not be listening yet.
    pub(crate) fn http(&self, log: &Path) -> Result<Process> {
        let address = free_address()?;
        let words = ["http".to_owned(), "--listen".to_owned(), address.to_string()];
        let mut process = self.spawn(&words, log)?;
        process.address = address;
        Ok(process)
    }

    /// Starts it on a pair of pipes.
    pub(crate) fn stdio(&self, log: &Path) -> Result<Process> {
        self.spawn(&["stdio".to_owned()], log)
    }

    fn spawn(&self, words: &[String], log: &Path) -> Result<Process> {
        let mut command = Command::new(&self.path);
        // A log goes to a file, as it does to a container's: nobody of ours has to read it meanwhile.
        command.args(&self.arguments).args(words).env_clear().kill_on_drop(true);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(log)?);
        let started = Instant::now();
        let child = command.spawn().with_context(|| self.path.display().to_string())?;
        let id = child.id().context("the process ended at once")?;
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Ok(Process { child, id, address, started, log: log.to_owned() })
    }
}

/// A running subject; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    id: u32,
    pub(crate) address: SocketAddr,
    pub(crate) started: Instant,
    log: PathBuf,
}

impl Process {
    /// Waits until the port is open, looking so often that the wait itself does not count.
    pub(crate) fn wait_for_port(&self) -> Result<()> {
        const PAUSE: Duration = Duration::from_micros(200);
        while std::net::TcpStream::connect(self.address).is_err() {
            if self.started.elapsed() > PATIENCE {
                bail!("nobody listens: {}", fs::read_to_string(&self.log)?);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// The pipes of a stdio subject.
    pub(crate) fn pipes(&mut self) -> Result<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take()).context("the pipes are taken")
    }

    /// What it has used of the processors since it started.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        /// Of the kernel's interface, whatever its own tick is (`proc(5)`, `sysconf(_SC_CLK_TCK)`).
        const TICKS_PER_SECOND: u64 = 100;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        // The name of the program may hold anything, so fields are counted after it.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has another form")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks: u64 = ticks.sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
    }

    /// The memory that it holds now, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The most memory that it ever held, in bytes.
    pub(crate) fn peak(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kibibytes.context("/proc/PID/status has another form")?.parse::<u64>()? << 10)
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn wait(mut self) -> Result<()> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        ensure!(status.success(), "ended with {status}: {}", fs::read_to_string(&self.log)?);
        Ok(())
    }

    /// Ends it and waits until it is gone.
    pub(crate) async fn end(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// A port that is free now; nothing else on this machine takes one meanwhile.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
