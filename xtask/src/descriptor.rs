//! `server.toml`: what a server says of itself for its release and its deployment files.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;
use serde::{Deserialize, Serialize};

use crate::server::Server;
use crate::workspace;

/// What releases and deployment files are made from, beside what the program tells of its settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Descriptor {
    /// The folder in `servers/`.
    pub(crate) name: String,
    /// The package, the binary and the image.
    pub(crate) package: String,
    /// What a person reads.
    pub(crate) title: String,
    /// Who owns it.
    pub(crate) team: String,
    /// Every scope that its operations need.
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) deploy: Deploy,
    /// Of the package.
    #[serde(skip_deserializing)]
    pub(crate) version: String,
    /// Of the package.
    #[serde(skip_deserializing)]
    pub(crate) description: String,
}

/// What a deployment of this server needs beyond `deploy/defaults.toml`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Deploy {
    /// Variables without which it does not start, given as secrets.
    pub(crate) secrets: Vec<String>,
    /// Variables that say how it is deployed.
    pub(crate) environment: BTreeMap<String, String>,
    /// Ports of what it talks to.
    pub(crate) egress: Vec<u16>,
    pub(crate) compose: Compose,
}

/// What differs on a developer's machine.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Compose {
    /// An empty text takes a variable out. Secrets may stand here: they open nothing but the containers beside.
    pub(crate) environment: BTreeMap<String, String>,
    /// What a PostgreSQL beside it runs at its first start; none without it.
    pub(crate) postgres: Option<String>,
}

impl Descriptor {
    /// Every server's, in the order of their names.
    pub(crate) fn all() -> Result<Vec<Self>> {
        Server::all()?.iter().map(Self::of).collect()
    }

    /// The server of that folder or package, or all.
    pub(crate) fn chosen(name: Option<&str>) -> Result<Vec<Self>> {
        name.map_or_else(Self::all, |name| Ok(vec![Self::of(&Server::named(name)?)?]))
    }

    /// What stands in the server's folder.
    pub(crate) fn of(server: &Server) -> Result<Self> {
        let path = workspace::root().join("servers").join(&server.name).join("server.toml");
        let read = || -> Result<Self> { Ok(toml::from_str(&fs::read_to_string(&path)?)?) };
        let mut descriptor = read().with_context(|| format!("`{}`", path.display()))?;
        let metadata = MetadataCommand::new().current_dir(workspace::root()).no_deps().exec()?;
        let package = metadata.packages.iter().find(|it| *it.name == server.package);
        let package = package.with_context(|| format!("no package `{}`", server.package))?;
        descriptor.version = package.version.to_string();
        descriptor.description = package.description.clone().unwrap_or_default();
        Ok(descriptor)
    }

    /// How the files of its release begin, such as `mcp-weather-0.1.0`.
    pub(crate) fn short(&self) -> String {
        format!("{}-{}", self.package, self.version)
    }

    /// The tag of its release; every server has its own.
    pub(crate) fn tag(&self) -> String {
        format!("{}-v{}", self.package, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_describes_itself_and_has_a_version_of_its_own() {
        for descriptor in Descriptor::all().unwrap() {
            assert_eq!(descriptor.package, format!("mcp-{}", descriptor.name));
            assert!(!descriptor.description.is_empty() && !descriptor.scopes.is_empty());
            assert_eq!(descriptor.tag(), format!("{}-v{}", descriptor.package, descriptor.version));
        }
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let text = "name = 'a'\npackage = 'mcp-a'\ntitle = 'A'\nteam = 'a'\nscopes = []\n";
        assert!(toml::from_str::<Descriptor>(text).is_ok());
        let wrong = format!("{text}[deploy]\nsecret = ['A']\n");
        assert!(toml::from_str::<Descriptor>(&wrong).is_err());
    }
}
