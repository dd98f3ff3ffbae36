//! The process's environment, read once. Nothing else in the workspace reads it.

use std::collections::BTreeMap;

/// A copy of the environment; tests pass a map.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars(BTreeMap<String, String>);

impl Vars {
    /// What the process was started with. Variables that are not UTF-8 are left out.
    pub(crate) fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
                .collect(),
        )
    }

    /// The value of `name`; an empty one counts as not set, as in compose files.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Vars {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}
