//! A server of this workspace: found by its name, built, and asked what it offers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::Message;

use crate::process::{cargo, output};
use crate::sample::Environment;
use crate::workspace;

/// A package of `servers/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its folder, such as `ticketing`.
    pub(crate) name: String,
    /// Its package and its binary, such as `mcp-ticketing`.
    pub(crate) package: String,
}

impl Server {
    /// Every server of the workspace, in the order of their names.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let packages = workspace::packages()?.into_iter();
        let server = |package: workspace::Package| {
            let name = package.folder.strip_prefix("servers/")?.to_owned();
            Some(Self { name, package: package.name })
        };
        let mut servers: Vec<_> = packages.filter_map(server).collect();
        servers.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(servers)
    }

    /// The server of that folder or package.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let servers = Self::all()?;
        let known: Vec<&str> = servers.iter().map(|it| it.name.as_str()).collect();
        let unknown = format!("no server `{name}`; there are: {}", known.join(", "));
        servers.into_iter().find(|it| it.name == name || it.package == name).context(unknown)
    }

    /// Builds the server as it is developed, and says where the program is. Progress goes to stderr.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        let package = &self.package;
        // The bin is named, so that a library alone is an error and not a silent success.
        let build = format!(
            "build --locked --message-format json-render-diagnostics --package {package} --bin {package}"
        );
        let messages = output(&mut cargo(&build))?;
        let program =
            Message::parse_stream(messages.as_bytes()).find_map(|message| match message {
                Ok(Message::CompilerArtifact(artifact)) => artifact.executable,
                _ => None,
            });
        Ok(program.context("cargo named no program")?.into_std_path_buf())
    }
}

/// Programs of the workspace by their names, built as the tests build them, so that what is built once serves both.
pub(crate) fn built_as_tests<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, PathBuf>> {
    // An example needs what tests need, so that features, and with them the artifacts, are those of the tests.
    let build = "build --workspace --locked --example private_servers \
                 --message-format json-render-diagnostics";
    let mut build = cargo(build);
    for name in names {
        build.args(["--bin", name]);
    }
    let messages = output(&mut build).context("building the servers")?;
    let artifacts = Message::parse_stream(messages.as_bytes()).filter_map(Result::ok);
    Ok(artifacts
        .filter_map(|message| match message {
            Message::CompilerArtifact(artifact) if !artifact.profile.test => {
                Some((artifact.target.name, artifact.executable?.into_std_path_buf()))
            }
            _ => None,
        })
        .collect())
}

/// Every server of these with its program, built as the tests build them.
pub(crate) fn built(servers: Vec<Server>) -> Result<Vec<(Server, PathBuf)>> {
    let mut programs = built_as_tests(servers.iter().map(|it| it.package.as_str()))?;
    let with_program = |server: Server| {
        let program = programs.remove(&server.package);
        Ok((server.clone(), program.with_context(|| format!("no `{}`", server.package))?))
    };
    servers.into_iter().map(with_program).collect()
}

/// Every scope that some tool of the program needs.
pub(crate) fn scopes(program: &Path, environment: &Environment) -> Result<BTreeSet<String>> {
    let mut command = Command::new(program);
    let tools = output(command.args(["tools", "--json"]).envs(environment.iter().cloned()))?;
    scopes_in(&tools).with_context(|| format!("`{} tools --json`", program.display()))
}

/// What the program offers where nothing but `environment` is set.
pub(crate) fn tools(
    program: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<serde_json::Value>> {
    let mut command = Command::new(program);
    let tools = output(command.args(["tools", "--json"]).env_clear().envs(environment))?;
    serde_json::from_str(&tools).with_context(|| format!("`{} tools --json`", program.display()))
}

fn scopes_in(tools: &str) -> Result<BTreeSet<String>> {
    #[derive(serde::Deserialize)]
    struct Tool {
        scopes: Vec<String>,
    }
    let tools: Vec<Tool> = serde_json::from_str(tools)?;
    Ok(tools.into_iter().flat_map(|tool| tool.scopes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_by_its_folder_and_by_its_package() {
        let ticketing = Server::named("ticketing").unwrap();
        assert_eq!(ticketing.package, "mcp-ticketing");
        assert_eq!(Server::named("mcp-ticketing").unwrap(), ticketing);
    }

    #[test]
    fn an_unknown_server_is_answered_with_those_that_there_are() {
        let refusal = Server::named("ticket").unwrap_err().to_string();
        assert!(refusal.starts_with("no server `ticket`; there are: "), "{refusal}");
        assert!(refusal.contains("ticketing"), "{refusal}");
    }

    #[test]
    fn scopes_are_gathered_over_all_tools() {
        let tools = r#"[{"scopes": ["b", "a"], "name": "x"}, {"scopes": ["a"]}, {"scopes": []}]"#;
        assert_eq!(scopes_in(tools).unwrap().into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(scopes_in("{}").is_err());
    }
}
