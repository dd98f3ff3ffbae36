//! As a step of `test`: a server made in a copy of the tree passes the steps that look at a server,
//! and answers. The documentation and the two transports are the workspace's own steps.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use mcp_testkit::{HttpClient, ServerCommand};
use rmcp::model::ProtocolVersion;
use serde_json::json;

use super::{BUILD_TESTS, Names, tests};
use crate::process::{cargo, run};
use crate::server::{self, Server};
use crate::{recorded, workspace};

/// What is not written but built, or another tree's.
const LEFT_OUT: [&str; 4] = [".git", "dist", "node_modules", "target"];

/// Makes a server, asks the steps that concern it, and calls it by MCP.
pub(crate) fn check() -> Result<()> {
    let names = Names::new("change-requests", Some("release"))?;
    let (server, package) = (names.kebab(), names.package());
    // Here first: what is built in the copy has the copy's folder in it, and stays.
    server::built(Server::all()?)?;
    run(&mut cargo(BUILD_TESTS))?;
    let copy = tempfile::tempdir()?;
    let root = copy.path();
    copy_folder(workspace::root(), root)?;
    // With the tools of the platforms, which are not installed anew.
    let target = workspace::root().join("target");
    fs::create_dir_all(&target)?;
    symlink(target, root.join("target"))?;

    xtask(root, &format!("new-server {server} --team release"))?;
    // As CI has it: nothing is recorded any more.
    run(tests(root, &names)?.env("INSTA_UPDATE", "no"))?;
    for step in ["fmt", "layers", "tidy", "clippy", "surface", "docs"] {
        xtask(root, &format!("test --only {step}"))?;
    }
    xtask(root, &format!("deploy --check --server {server}"))?;

    let program = workspace::target_directory()?.join("debug").join(package);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // In a task, because testkit panics where a test would fail; here that is one more error.
    let speaks = runtime.spawn(async move { speaks_mcp(&program).await });
    runtime.block_on(speaks).context("the server failed the client")?
}

/// Runs one of our commands over the tree in `root`, with what is built here already.
fn xtask(root: &Path, arguments: &str) -> Result<()> {
    let mut xtask = Command::new(std::env::current_exe()?);
    xtask.args(arguments.split_whitespace()).current_dir(root);
    xtask.env("CARGO_MANIFEST_DIR", root.join("xtask"));
    run(xtask.env("CARGO_TARGET_DIR", workspace::target_directory()?))
}

/// Copies what was written, with its times, so that cargo builds nothing anew that did not change.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let (path, name) = entry.map(|it| (it.path(), it.file_name()))?;
        if LEFT_OUT.iter().any(|it| name == *it) {
            continue;
        }
        let copied = to.join(&name);
        if path.is_dir() {
            copy_folder(&path, &copied)?;
        } else {
            fs::copy(&path, &copied).with_context(|| path.display().to_string())?;
            keep_time(&path, &copied)?;
        }
    }
    keep_time(from, to)
}

fn keep_time(from: &Path, to: &Path) -> Result<()> {
    let written = fs::metadata(from)?.modified()?;
    File::open(to)?.set_modified(written).with_context(|| to.display().to_string())
}

/// Calls both tools over both transports, over HTTP in both eras.
async fn speaks_mcp(program: &Path) -> Result<()> {
    const ITEM: &str = r#"{ "id": "welcome", "title": "Welcome", "body": "", "secret": 1 }"#;
    let api = recorded::serve(&[("/v1/items/welcome", ITEM), ("POST /v1/items", ITEM)])?;
    let command = ServerCommand::new(program)
        .env("CHANGE_REQUESTS_API_URL", api)
        .env("MCP_STDIO_SCOPES", "change-requests:read change-requests:write");
    let item = json!({ "id": "welcome", "title": "Welcome", "body": "" });
    let calls =
        [("get_item", json!({ "id": "welcome" })), ("create_item", json!({ "title": "Welcome" }))];

    let server = command.http().await;
    let (modern, legacy) = (HttpClient::new(server.url()), HttpClient::legacy(server.url()));
    for (tool, arguments) in &calls {
        for client in [&modern, &legacy] {
            let reply = client.call_tool(tool, arguments.clone()).await;
            let result = reply.result();
            ensure!(result.get("structuredContent") == Some(&item), "`{tool}`: {result}");
        }
    }
    let mut stdio = command.stdio();
    stdio.initialize(ProtocolVersion::V_2025_11_25).await;
    for (tool, arguments) in calls {
        let reply = stdio.call_tool(tool, arguments).await;
        let answered = reply.pointer("/result/structuredContent");
        ensure!(answered == Some(&item), "`{tool}` over stdio: {reply}");
    }
    println!("{} answers over both transports", program.display());
    Ok(())
}
