//! A PostgreSQL that only these tests know, gone when they are.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, Weak},
};

/// Serves until its standard input ends, which it does when the test process dies, however it dies.
/// PostgreSQL refuses to run as root, hence `setpriv`; it listens on a socket in its own directory only.
const SCRIPT: &str = r#"
set -eu
bin=/usr/lib/postgresql/15/bin
directory=$(mktemp -d)
trap 'kill -QUIT $server 2>/dev/null; wait; rm -rf "$directory"' EXIT
trap 'exit 1' HUP INT PIPE TERM
server=
start() {
    "$bin/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= -c fsync=off \
        -c max_connections=400 </dev/null >>"$directory/log" 2>&1 &
    server=$!
    until "$bin/pg_isready" -q -h "$directory"; do kill -0 $server; sleep 0.05; done
}
"$bin/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$directory/log"
start
echo "postgres://postgres@localhost/postgres?host=$directory"
while read -r command; do
    case $command in
        stop) kill -INT $server; wait $server || true ;;
        start) start ;;
    esac
    echo done
done
"#;

/// One running server.
pub(super) struct Cluster {
    url: String,
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    script: Child,
}

impl Cluster {
    /// The server that tests of this process share; the last one to drop it stops it.
    pub(super) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Self::start());
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    /// A server that may be stopped without a harm to other tests.
    pub(super) fn start() -> Self {
        let as_postgres = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"];
        let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = Command::new(if root { "setpriv" } else { "sh" });
        command.args(root.then_some(as_postgres).into_iter().flatten()).args(["-c", SCRIPT]);
        let mut script =
            command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let mut stdout = BufReader::new(stdout);
        let mut url = String::new();
        stdout.read_line(&mut url).unwrap();
        assert!(!url.is_empty(), "these tests need PostgreSQL 15 in /usr/lib/postgresql/15/bin");
        Self { url: url.trim().to_owned(), pipes: Mutex::new(Some((stdin, stdout))), script }
    }

    /// Where its database `postgres` is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Tells it to `stop` or `start` and waits until it has.
    pub(super) fn command(&self, command: &str) {
        let mut pipes = self.pipes.lock().unwrap();
        let (stdin, stdout) = pipes.as_mut().unwrap();
        writeln!(stdin, "{command}").unwrap();
        let mut reply = String::new();
        stdout.read_line(&mut reply).unwrap();
        assert_eq!(reply, "done\n");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The end of its standard input ends the script.
        drop(self.pipes.lock().unwrap().take());
        drop(self.script.wait());
    }
}
