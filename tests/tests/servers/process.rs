//! The servers' binaries, and what the system knows of a running one.

use std::fs;
use std::path::Path;

use mcp_testkit::{ServerCommand, ServerProcess};
use serde_json::Value;

/// The binary of another package of this workspace, which a build of the workspace puts beside the toy; without quotas.
pub(crate) fn server(name: &str) -> ServerCommand {
    let program = Path::new(env!("CARGO_BIN_EXE_mcp-toy")).with_file_name(name);
    assert!(program.is_file(), "`{name}` is missing: build the whole workspace");
    ServerCommand::new(program)
        .env("MCP_RATE_LIMIT", "off")
        .env("MCP_RATE_LIMIT_READ", "off")
        .env("MCP_RATE_LIMIT_WRITE", "off")
        .env("MCP_AUDIT_LOG", "off")
}

/// The code of a failed call; empty when it did not fail.
pub(crate) fn failure(result: &Value) -> &str {
    result["structuredContent"]["error"]["code"].as_str().unwrap_or_default()
}

/// What a process has in memory, in KiB (proc(5)).
pub(crate) fn resident(server: &ServerProcess) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many entries a folder of `/proc/<id>` has: `fd` for open files, `task` for threads.
pub(crate) fn count(server: &ServerProcess, folder: &str) -> u64 {
    fs::read_dir(format!("/proc/{}/{folder}", server.id())).unwrap().count() as u64
}
