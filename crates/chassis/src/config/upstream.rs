//! Where a server's upstreams are, and how much each is used.

use mcp_limits::{BaseUrl, LiveLimits, UpstreamConfig, UpstreamLimits, UpstreamSecret};

use super::{Reader, Setting};
use crate::upstreams::watch;

impl Reader<'_> {
    /// The upstream whose base address is `variable` and whose limits stand in `[upstream.<name>]`.
    ///
    /// An address that the deployer chose may be a private one; the default may not lead to any.
    pub fn upstream(
        &mut self,
        name: &'static str,
        variable: &'static str,
        default: &str,
        meaning: &'static str,
    ) -> UpstreamConfig {
        let base: Setting<BaseUrl> = self.or(variable, default, meaning);
        let is_chosen = self.origin(variable) != "default";
        self.upstream_at(name, base.value(), is_chosen)
    }

    /// The same for an upstream that a deployment may be without.
    pub fn optional_upstream(
        &mut self,
        name: &'static str,
        variable: &'static str,
        meaning: &'static str,
    ) -> Option<UpstreamConfig> {
        let base: Option<BaseUrl> = self.optional(variable, meaning);
        // Asked for even without it, so that its table is known.
        let config = self.upstream_at(name, base.clone().unwrap_or_default(), true);
        base.map(|_| config)
    }

    fn upstream_at(
        &mut self,
        name: &'static str,
        base: BaseUrl,
        is_chosen: bool,
    ) -> UpstreamConfig {
        self.upstreams.insert(name);
        let limits: UpstreamLimits = self.entry("upstream", name).unwrap_or_default();
        let limits = LiveLimits::from(limits);
        self.limits.insert(name, limits.clone());
        let observer = self.metrics.as_ref().map(|metrics| watch(metrics, name));
        UpstreamConfig { base, is_chosen, limits, observer }
    }

    /// The secret that an upstream knows us by: as it is, or in the file of `<variable>_FILE`, which may be replaced
    /// while the server runs.
    pub fn upstream_secret(
        &mut self,
        variable: &'static str,
        meaning: &'static str,
    ) -> Option<UpstreamSecret> {
        let file = self.find(&format!("{variable}_FILE"));
        let secret = self.secret(variable, meaning)?;
        self.upstream_credentials.push(variable);
        Some(match file {
            Some((path, _origin)) => {
                // Whoever sends it reads the file again, and keeps the secret before for a while.
                self.last_is_live();
                UpstreamSecret::InFile(path.into())
            }
            None => UpstreamSecret::Given(secret),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mcp_limits::{UpstreamConfig, UpstreamSecret};

    use crate::config::{FileLayer, Reader, Vars};

    fn read<const N: usize>(vars: [(&str, &str); N], file: &str) -> (UpstreamConfig, Vec<String>) {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), file).unwrap();
        let file = FileLayer::read(path.path()).unwrap();
        let (vars, flags) = (Vars::from(vars), BTreeMap::new());
        let mut reader = Reader::new(&vars, Some(&file), &flags);
        let config = reader.upstream("archive", "ARCHIVE_API_URL", "https://a.example", "a base");
        reader.refuse_unknown_keys();
        (config, reader.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_upstream_that_nobody_named_is_none_and_its_table_is_known() {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), "[upstream.api]\nattempts = 1\n").unwrap();
        let file = FileLayer::read(path.path()).unwrap();
        let set = Vars::from([("API_URL", "http://10.0.0.1")]);
        for (vars, is_there) in [(Vars::default(), false), (set, true)] {
            let flags = BTreeMap::new();
            let mut reader = Reader::new(&vars, Some(&file), &flags);
            let config = reader.optional_upstream("api", "API_URL", "a base");
            reader.refuse_unknown_keys();
            assert!(reader.problems.is_empty(), "{:?}", reader.problems);
            let found = config.map(|it| (it.is_chosen, it.limits.get().attempts.get()));
            assert_eq!(found, is_there.then_some((true, 1)));
        }
    }

    #[test]
    fn a_secret_of_an_upstream_keeps_its_file() {
        let (file, flags) = (tempfile::NamedTempFile::new().unwrap(), BTreeMap::new());
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let path = file.path().to_str().unwrap();
        let secret = |name, value| {
            let vars = Vars::from([(name, value)]);
            Reader::new(&vars, None, &flags).upstream_secret("API_KEY", "a key")
        };
        let in_file = secret("API_KEY_FILE", path);
        assert!(matches!(in_file, Some(UpstreamSecret::InFile(kept)) if kept == file.path()));
        let given = secret("API_KEY", "hunter2");
        assert!(!format!("{given:?}").contains("hunter2"));
        assert!(matches!(given, Some(UpstreamSecret::Given(_))));
        assert!(secret("OTHER_KEY", "x").is_none());
    }

    #[test]
    fn an_address_that_the_deployer_chose_may_be_private() {
        let (config, problems) = read([], "");
        assert!(!config.is_chosen && problems.is_empty());
        let (config, _) = read([("ARCHIVE_API_URL", "http://10.0.0.1:80")], "");
        assert!(config.is_chosen);
    }

    #[test]
    fn limits_are_read_from_the_table_of_the_upstream() {
        let (config, problems) = read([], "[upstream.archive]\nattempts = 1\n");
        assert_eq!((config.limits.get().attempts.get(), problems.len()), (1, 0));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let (_, problems) = read([], "[upstream.archiv]\nattempts = 1\n");
        assert!(problems.concat().contains("known: `archive`"), "{problems:?}");
        let (_, problems) = read([], "[upstream.archive]\nattempts = 0\n");
        assert!(problems.concat().contains("[upstream.archive]"), "{problems:?}");
        let (_, problems) = read([("ARCHIVE_API_URL", "file:///etc/hunter2")], "");
        assert!(problems.concat().contains("ARCHIVE_API_URL (from environment)"), "{problems:?}");
        assert!(!problems.concat().contains("hunter2"), "{problems:?}");
    }
}
