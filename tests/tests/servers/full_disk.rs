//! An audit log on a disk that is full: a file system of a few kilobytes, or, where this machine lets nobody mount one, a
//! file that may not grow.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mcp_testkit::{HttpClient, ServerCommand, ServerProcess, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{failure, server};

/// Mounts the file system at `$0`, for this process alone, and becomes the command behind it.
const MOUNT: &str = r#"mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@""#;
/// Has a file that may not grow be an error of `write` and not the end of the process.
const ENDURE: &str = r#"trap "" XFSZ && exec "$@""#;

/// Where the log stands, and how to fill it up.
struct Disk {
    folder: TempDir,
    is_mounted: bool,
}

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("unshare");
        mount.args(["--map-root-user", "--mount", "sh", "-c", MOUNT]).arg(folder.path());
        let mounted = mount.arg("true").stderr(Stdio::null()).status();
        Self { is_mounted: mounted.unwrap().success(), folder }
    }

    /// A server that writes its audit log there.
    fn audited(&self) -> ServerCommand {
        let server = server("mcp-ticketing");
        let wrapper = if self.is_mounted {
            let unshare = ServerCommand::new("unshare");
            unshare.args(["--map-root-user", "--mount", "sh", "-c", MOUNT])
        } else {
            ServerCommand::new("sh").args(["-c", ENDURE])
        };
        wrapper
            .args([self.folder.path()])
            .args([server.program()])
            .env("DATABASE_URL", "sqlite::memory:")
            .env("MCP_RATE_LIMIT", "off")
            .env("MCP_RATE_LIMIT_WRITE", "off")
            .env("MCP_AUDIT_LOG", self.folder.path().join("audit.jsonl"))
    }

    /// A file there, as it is seen from here.
    fn file(&self, server: &ServerProcess, name: &str) -> PathBuf {
        let root = format!("/proc/{}/root{}", server.id(), self.folder.path().display());
        let folder = if self.is_mounted { Path::new(&root) } else { self.folder.path() };
        folder.join(name)
    }

    /// Leaves no room for another line, but perhaps for its beginning.
    fn fill(&self, server: &ServerProcess) {
        if self.is_mounted {
            let mut ballast = File::create(self.file(server, "ballast")).unwrap();
            while ballast.write_all(&[0; 4096]).is_ok() {}
        } else {
            let length = fs::metadata(self.file(server, "audit.jsonl")).unwrap().len();
            limit_files(server, &(length + 100).to_string());
        }
    }

    fn free(&self, server: &ServerProcess) {
        if self.is_mounted {
            fs::remove_file(self.file(server, "ballast")).unwrap();
        } else {
            limit_files(server, "unlimited");
        }
    }
}

fn limit_files(server: &ServerProcess, length: &str) {
    let id = server.id().to_string();
    let limit = format!("--fsize={length}:unlimited");
    assert!(Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap().success());
}

async fn create(client: &HttpClient) -> Value {
    let ticket = json!({ "title": "Printer", "body": "smokes" });
    client.call_tool("create_ticket", ticket).await.result().clone()
}

#[tokio::test]
async fn a_disk_that_is_full_refuses_writes_and_loses_no_line_of_what_was_acknowledged() {
    let disk = Disk::new();
    let server = disk.audited().http().await;
    let client = HttpClient::new(server.url());
    let mut acknowledged = 0;
    for _ in 0..3 {
        assert_eq!(failure(&create(&client).await), "");
        acknowledged += 1;
    }
    disk.fill(&server);
    let ready = format!("http://{}/ready", server.address());
    let mut refused = 0;
    // What is left of a page of the file system may take some lines more.
    for _ in 0..50 {
        match failure(&create(&client).await) {
            "" => acknowledged += 1,
            code => {
                assert_eq!(code, "unavailable");
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused} refused, mounted: {}", disk.is_mounted);
    let found = client.call_tool("search_tickets", json!({ "query": "Printer" })).await;
    assert_eq!(failure(found.result()), "", "reads go on: {}", found.body);
    assert_eq!(reqwest::get(&ready).await.unwrap().status(), 503);

    disk.free(&server);
    until("the log heals", async || failure(&create(&client).await).is_empty()).await;
    acknowledged += 1;
    assert_eq!(reqwest::get(&ready).await.unwrap().status(), 200);

    // The file system goes with its process.
    let copy = disk.folder.path().join("copy.jsonl");
    fs::copy(disk.file(&server, "audit.jsonl"), &copy).unwrap();
    let verify = crate::process::server("mcp-ticketing").args(["audit", "verify"]).args([&copy]);
    let verified = verify.output().await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let lines = fs::read_to_string(&copy).unwrap();
    let recorded = lines.lines().filter(|line| line.contains(r#""outcome":"ok""#)).count();
    assert!(recorded >= acknowledged, "{recorded} recorded, {acknowledged} acknowledged");
}
