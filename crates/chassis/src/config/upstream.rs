//! Where a server's upstreams are, and how much each is used.

use mcp_limits::{BaseUrl, UpstreamConfig};

use super::{Reader, Setting};

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
        self.upstreams.insert(name);
        let limits = self.entry("upstream", name).unwrap_or_default();
        let is_chosen = self.origin(variable) != "default";
        UpstreamConfig { base: base.value(), is_chosen, limits }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mcp_limits::UpstreamConfig;

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
    fn an_address_that_the_deployer_chose_may_be_private() {
        let (config, problems) = read([], "");
        assert!(!config.is_chosen && problems.is_empty());
        let (config, _) = read([("ARCHIVE_API_URL", "http://10.0.0.1:80")], "");
        assert!(config.is_chosen);
    }

    #[test]
    fn limits_are_read_from_the_table_of_the_upstream() {
        let (config, problems) = read([], "[upstream.archive]\nattempts = 1\n");
        assert_eq!((config.limits.attempts.get(), problems.len()), (1, 0));
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
