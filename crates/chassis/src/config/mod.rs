//! Configuration: four layers, read once into one struct per concern.

mod auth;
mod core;
mod edge;
mod file;
mod foreign;
mod list;
mod reader;
mod shared;
mod show;
mod tls;
#[cfg(feature = "upstream")]
mod upstream;
mod vars;

use std::{collections::BTreeMap, path::PathBuf};

#[cfg(feature = "http")]
pub(crate) use self::core::HttpConfig;
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
pub(crate) use shared::SharedConfig;
pub(crate) use show::{schema, show};
pub(crate) use tls::TlsConfig;
pub(crate) use vars::Vars;

use mcp_telemetry::metrics::Metrics;

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
    /// Where what the server does is counted, from its upstreams on.
    pub(crate) metrics: Metrics,
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
    let metrics = Metrics::new(&format!("mcp-{}", S::NAME), S::VERSION);
    let mut reader = Reader::new(vars, file.as_ref(), flags);
    reader.metrics = Some(metrics.clone());
    let core = Core::read(&mut reader, S::RATE_LIMIT, transport);
    let server = S::Config::read(&mut reader);
    reader.refuse_unknown_keys();
    if reader.problems.is_empty() {
        Ok(Loaded { core, server, settings: reader.settings, metrics })
    } else {
        Err(reader.problems)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use proptest::prelude::*;

    use super::{Core, FileLayer, Reader, Transport, Vars};

    /// What is said when every setting has the same value.
    fn problems(value: &str) -> Vec<String> {
        let (vars, nothing) = (Vars::default(), BTreeMap::new());
        let mut reader = Reader::new(&vars, None, &nothing);
        Core::read(&mut reader, "600/1m", Transport::Http);
        let flags: BTreeMap<_, _> =
            reader.settings.iter().map(|setting| (setting.variable, value.to_owned())).collect();
        let mut reader = Reader::new(&vars, None, &flags);
        Core::read(&mut reader, "600/1m", Transport::Http);
        reader.problems.iter().map(ToString::to_string).collect()
    }

    proptest! {
        #[test]
        fn a_wrong_value_is_never_repeated(value in "canary\\PC{0,80}") {
            let problems = problems(&value);
            prop_assert!(problems.len() > 10);
            let leak = problems.iter().find(|problem| problem.contains("canary"));
            prop_assert_eq!(leak, None);
        }

        #[test]
        fn any_value_is_read_or_refused(value in any::<String>()) {
            problems(&value);
        }

        #[test]
        fn any_file_is_read_or_refused_without_its_text(text in "(canary)?\\PC{0,200}") {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), &text).unwrap();
            if let Err(problem) = FileLayer::read(file.path()) {
                prop_assert!(!problem.to_string().contains("canary"), "{problem}");
            }
        }
    }
}
