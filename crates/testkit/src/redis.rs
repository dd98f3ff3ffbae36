//! A private Redis or Valkey, or the one that `TEST_REDIS_URL` names; a numbered database per test.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use url::Url;

use crate::daemon::{Daemon, Launch};
use crate::environment;

const PACKAGE: &str = "redis-server";

/// A Redis server for tests. It ends with the test process, however that ends.
#[derive(Debug)]
pub struct Redis {
    address: Url,
    /// Nothing when `TEST_REDIS_URL` names a server that is not ours to stop.
    private: Option<Private>,
}

#[derive(Debug)]
struct Private {
    daemon: Daemon,
    launch: Launch,
    port: u16,
}

impl Redis {
    /// The server that the tests of this process share, started at the first call.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| match environment::url_variable("TEST_REDIS_URL") {
            Some(address) => Self { address, private: None },
            None => Self::dedicated(),
        })
    }

    /// A server of the caller's own, which it may stop and start; it keeps its data.
    pub fn dedicated() -> Self {
        let mut daemon = Daemon::new("mcp-test-redis-");
        let mut arguments = vec!["--dir".into(), daemon.directory().as_os_str().to_owned()];
        let settings = ["--bind", "127.0.0.1", "--databases", "4096", "--save", ""];
        arguments.extend(settings.iter().map(Into::into));
        arguments.extend(["--appendonly", "yes", "--appendfsync", "no"].iter().map(Into::into));
        let launch = Launch {
            program: environment::program(&["redis-server", "valkey-server"], PACKAGE),
            arguments,
            port_flag: "--port",
            ready: "eady to accept connections",
            port_taken: "Failed listening on port",
            stop_signal: "KILL",
        };
        let port = daemon.start_anywhere(&launch);
        let address = format!("redis://127.0.0.1:{port}/");
        let address = Url::parse(&address).expect("the address is a URL");
        Self { address, private: Some(Private { daemon, launch, port }) }
    }

    /// An empty database that no other test uses; emptied and given back with the value.
    pub fn database(&self) -> TestRedis {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        loop {
            let mut url = self.address.clone();
            url.set_path(&NEXT.fetch_add(1, Ordering::Relaxed).to_string());
            let database = Claim(url);
            // Other processes may share the server, so a database is claimed in the server itself.
            let claimed = database.command(&["SET", "testkit:claim", "1", "NX", "EX", "900"]);
            match claimed.as_str() {
                "OK" => return TestRedis(database),
                "" => {}
                refusal => panic!("start the server with `--databases 4096`: {refusal}"),
            }
        }
    }

    /// Kills the server: open connections break, acknowledged data stays.
    pub fn stop(&mut self) {
        self.private().daemon.stop();
    }

    /// Starts a stopped server on the port that it had.
    pub fn start(&mut self) {
        let private = self.private();
        private.daemon.start(&private.launch, private.port);
    }

    /// Stops and starts the server.
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    fn private(&mut self) -> &mut Private {
        self.private.as_mut().expect("only `Redis::dedicated` may be stopped")
    }
}

/// A numbered database of one test.
#[derive(Debug)]
pub struct TestRedis(Claim);

impl TestRedis {
    /// `redis://…/N`, as a server's configuration takes it.
    pub fn url(&self) -> &str {
        self.0.0.as_str()
    }

    /// Runs one command and returns the reply as `redis-cli` prints it to a pipe.
    pub fn command(&self, arguments: &[&str]) -> String {
        self.0.command(arguments)
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        // Best effort: the server may be stopped. This drops the claim too.
        drop(self.0.cli(&["FLUSHDB"]).output());
    }
}

/// A database that may still belong to somebody else, so dropping it empties nothing.
#[derive(Debug)]
struct Claim(Url);

impl Claim {
    fn cli(&self, arguments: &[&str]) -> Command {
        let program = environment::program(&["redis-cli", "valkey-cli"], PACKAGE);
        let mut command = Command::new(program);
        command.args(["--no-auth-warning", "-u", self.0.as_str()]).args(arguments);
        command
    }

    fn command(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments).output().expect("`redis-cli` can be started");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`redis-cli` failed: {complaint}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}
