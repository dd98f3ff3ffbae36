//! A private PostgreSQL, or the one that `TEST_DATABASE_URL` names; a fresh database per test.

use std::process::Command;
use std::sync::OnceLock;

use url::Url;

use crate::daemon::{Daemon, Launch};
use crate::environment;

const PACKAGE: &str = "postgresql";

/// A PostgreSQL server for tests, without durability and without passwords.
///
/// It ends with the test process, however that ends.
#[derive(Debug)]
pub struct Postgres {
    address: Url,
    /// Nothing when `TEST_DATABASE_URL` names a server that is not ours to stop.
    private: Option<Private>,
}

#[derive(Debug)]
struct Private {
    daemon: Daemon,
    launch: Launch,
    port: u16,
}

impl Postgres {
    /// The server that the tests of this process share, started at the first call.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| match environment::url_variable("TEST_DATABASE_URL") {
            Some(address) => Self { address, private: None },
            None => Self::dedicated(),
        })
    }

    /// A server of the caller's own, which it may stop and start.
    pub fn dedicated() -> Self {
        Self::dedicated_with(&[], &[])
    }

    /// A server of the caller's own with more settings (`ssl=on`) and with files beside its data, where settings find
    /// them by name. A file `pg_hba.conf` says who is let in how; without it everybody is.
    pub fn dedicated_with(more: &[&str], files: &[(&str, &str)]) -> Self {
        let mut daemon = Daemon::new("mcp-test-postgres-");
        let data = daemon.directory().join("data");
        let mut initdb = daemon.command(environment::program(&["initdb"], PACKAGE));
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D"]);
        run(initdb.arg(&data));
        for (name, text) in files {
            daemon.write(&data.join(name), text);
        }

        let mut arguments = vec!["-D".into(), data.into_os_string()];
        let settings = [
            "fsync=off",
            "full_page_writes=off",
            "listen_addresses=127.0.0.1",
            "max_connections=300",
            "unix_socket_directories=",
        ];
        arguments.extend(settings.iter().chain(more).flat_map(|it| ["-c".into(), it.into()]));
        let launch = Launch {
            program: environment::program(&["postgres"], PACKAGE),
            arguments,
            port_flag: "-p",
            ready: "database system is ready to accept connections",
            port_taken: "could not create any TCP/IP sockets",
            stop_signal: "QUIT",
        };
        let port = daemon.start_anywhere(&launch);
        let address = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let address = Url::parse(&address).expect("the address is a URL");
        Self { address, private: Some(Private { daemon, launch, port }) }
    }

    /// A new, empty database; dropped with the value.
    pub fn database(&self) -> TestDatabase {
        let name = format!("mcp_test_{}", uuid::Uuid::new_v4().simple());
        psql(&self.address, &format!("CREATE DATABASE {name} TEMPLATE template0"));
        let mut url = self.address.clone();
        url.set_path(&name);
        TestDatabase { server: self.address.clone(), name, url }
    }

    /// Ends the server as a crash would: open connections break, committed data stays.
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
        self.private.as_mut().expect("only `Postgres::dedicated` may be stopped")
    }
}

/// A database of one test.
#[derive(Debug)]
pub struct TestDatabase {
    server: Url,
    name: String,
    url: Url,
}

impl TestDatabase {
    /// `postgres://…`, as a server's configuration takes it.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Runs SQL and returns its rows: one a line, columns between `|`.
    pub fn psql(&self, sql: &str) -> String {
        psql(&self.url, sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // Best effort: the server may be stopped, and a private one takes its databases with it.
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        drop(psql_command(&self.server, &sql).output());
    }
}

fn psql(url: &Url, sql: &str) -> String {
    run(&mut psql_command(url, sql))
}

fn psql_command(url: &Url, sql: &str) -> Command {
    let mut command = Command::new(environment::program(&["psql"], PACKAGE));
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
    command.args(["--set=ON_ERROR_STOP=1", "--dbname", url.as_str(), "--command", sql]);
    command
}

fn run(command: &mut Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| panic!("`{program}`: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{program}` failed: {complaint}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
