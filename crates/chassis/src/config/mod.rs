//! Configuration: four layers, read once into one struct per concern.

mod auth;
mod core;
mod edge;
mod file;
mod foreign;
mod list;
mod reader;
mod show;
mod vars;

use std::{collections::BTreeMap, path::PathBuf};

pub(crate) use self::core::{
    AuditConfig, Core, IdempotencyMode, LimitsConfig, LogConfig, ToolOverride,
};
pub(crate) use auth::AuthConfig;
#[cfg(feature = "http")]
pub(crate) use auth::{Issuer, OauthConfig};
pub(crate) use edge::EdgeConfig;
pub(crate) use file::FileLayer;
pub(crate) use foreign::warn_of_foreign_variables;
#[cfg(feature = "http")]
pub(crate) use list::Networks;
pub(crate) use reader::Described;
pub use reader::{Problem, Reader, Setting, Settings};
pub(crate) use show::{schema, show};
pub(crate) use vars::Vars;

use crate::Server;

/// Which transport the settings are read for: a few defaults differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// One client on stdin and stdout.
    Stdio,
    /// Streamable HTTP.
    Http,
}

/// Everything that was configured, with what `config show` tells of it.
#[derive(Debug)]
pub(crate) struct Loaded<C> {
    pub(crate) core: Core,
    pub(crate) server: C,
    pub(crate) settings: Vec<Described>,
}

/// Reads the chassis' settings and the server's.
///
/// # Errors
/// Every problem found, at least one.
pub(crate) fn load<S: Server>(
    vars: &Vars,
    flags: &BTreeMap<&'static str, String>,
    transport: Transport,
) -> Result<Loaded<S::Config>, Vec<Problem>> {
    let path = flags.get("MCP_CONFIG").map(String::as_str).or_else(|| vars.get("MCP_CONFIG"));
    let file = path.map(PathBuf::from).map(|path| FileLayer::read(&path)).transpose();
    let file = file.map_err(|problem| vec![problem])?;
    let mut reader = Reader::new(vars, file.as_ref(), flags);
    let core = Core::read(&mut reader, S::NAME, transport);
    let server = S::Config::read(&mut reader);
    reader.refuse_unknown_keys();
    if reader.problems.is_empty() {
        Ok(Loaded { core, server, settings: reader.settings })
    } else {
        Err(reader.problems)
    }
}
