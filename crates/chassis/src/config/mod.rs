//! Configuration: four layers, read once into one struct per concern.

mod auth;
mod core;
mod edge;
mod file;
mod foreign;
mod list;
mod otlp;
mod reader;
mod shared;
mod show;
mod snapshot;
mod sources;
mod stamp;
mod tls;
#[cfg(feature = "upstream")]
mod upstream;
mod vars;

#[cfg(feature = "http")]
pub(crate) use self::core::HttpConfig;
pub(crate) use self::core::{
    AuditConfig, Core, IdempotencyMode, LimitsConfig, OfferConfig, ToolOverride,
};
pub(crate) use auth::AuthConfig;
#[cfg(feature = "http")]
pub(crate) use auth::{Issuer, OauthConfig};
pub(crate) use edge::EdgeConfig;
pub(crate) use file::FileLayer;
pub(crate) use foreign::{foreign_variables, warn_of_foreign_variables};
#[cfg(feature = "http")]
pub(crate) use list::Networks;
pub(crate) use reader::Described;
pub use reader::{Problem, Reader, Setting, Settings};
pub(crate) use shared::SharedConfig;
pub(crate) use show::{schema, show};
pub(crate) use snapshot::{Effect, Snapshot};
pub(crate) use sources::{Basis, Loaded, Sources};
pub(crate) use stamp::Stamps;
#[cfg(feature = "http")]
pub(crate) use tls::Identity;
pub(crate) use tls::TlsConfig;
pub(crate) use vars::Vars;

/// Which transport the settings are read for: a few defaults differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// One client on stdin and stdout.
    Stdio,
    /// Streamable HTTP.
    Http,
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
