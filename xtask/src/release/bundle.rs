//! The MCP bundle: a program with what a desktop client asks its user before it starts it (MCPB manifest 0.3).

use std::io::{Cursor, Write};

use anyhow::Result;
use serde_json::{Map, Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{Subject, contents};
use crate::server;
use crate::workspace;

/// A zip archive of `manifest.json` and the program.
pub(super) fn mcpb(subject: &Subject) -> Result<Vec<u8>> {
    let package = &subject.server().package;
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // The earliest time that the format knows; the time of the machine would be another each time.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let files = [
        ("LICENSE".to_owned(), 0o644, contents::read(&workspace::root().join("LICENSE"))?),
        ("manifest.json".to_owned(), 0o644, pretty(&manifest(subject)?)),
        (format!("server/{package}"), 0o755, contents::read(&subject.program)?),
    ];
    for (name, mode, bytes) in files {
        archive.start_file(name, options.unix_permissions(mode))?;
        archive.write_all(&bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// JSON as a person reads it.
pub(super) fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

fn manifest(subject: &Subject) -> Result<Value> {
    let server = subject.server();
    let (mut environment, mut asked) = (Map::new(), Map::new());
    for setting in subject.deployment.settings.iter().filter(|setting| setting.is_own) {
        let name = setting.variable.to_ascii_lowercase();
        environment.insert(setting.variable.clone(), json!(format!("${{user_config.{name}}}")));
        // Empty counts as not set.
        asked.insert(
            name,
            json!({
                "type": "string",
                "title": setting.variable,
                "description": setting.meaning,
                "required": false,
                "sensitive": setting.is_secret,
                "default": "",
            }),
        );
    }
    Ok(json!({
        "manifest_version": "0.3",
        "name": server.package,
        "display_name": server.title,
        "version": server.version,
        "description": server.description,
        "author": { "name": "mcp-chassis", "url": subject.source.repository },
        "repository": { "type": "git", "url": subject.source.repository },
        "documentation": format!("{}/tree/main/servers/{}", subject.source.repository, server.name),
        "license": "Apache-2.0",
        "server": {
            "type": "binary",
            "entry_point": format!("server/{}", server.package),
            "mcp_config": {
                "command": format!("${{__dirname}}/server/{}", server.package),
                "args": ["stdio"],
                "env": environment,
            },
        },
        "tools": tools(subject)?,
        "user_config": asked,
        "compatibility": { "platforms": [platform(&subject.source.target)] },
    }))
}

/// The bundle's name for the system of a target.
fn platform(target: &str) -> &'static str {
    match target {
        target if target.contains("apple") => "darwin",
        target if target.contains("windows") => "win32",
        _ => "linux",
    }
}

/// Names and descriptions, as a client sees them before it starts the server.
fn tools(subject: &Subject) -> Result<Vec<Value>> {
    let tools = server::tools(&subject.program, &crate::deploy::samples(&subject.deployment))?;
    let shown = |tool: &Value| {
        let definition = tool.get("definition").unwrap_or(tool);
        json!({ "name": definition.get("name"), "description": definition.get("description") })
    };
    Ok(tools.iter().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_names_the_system_that_it_runs_on() {
        assert_eq!(platform("x86_64-unknown-linux-gnu"), "linux");
        assert_eq!(platform("aarch64-apple-darwin"), "darwin");
        assert_eq!(platform("x86_64-pc-windows-msvc"), "win32");
    }
}
