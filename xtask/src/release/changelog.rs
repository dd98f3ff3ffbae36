//! What a release says of its changes: its own section of `CHANGELOG.md`.

use anyhow::{Context, Result};

use super::Subject;
use crate::workspace;

/// The section `## mcp-weather 0.1.0`, or what is unreleased where the server has none of its own yet.
pub(super) fn section(subject: &Subject) -> Result<String> {
    let changelog = std::fs::read_to_string(workspace::root().join("CHANGELOG.md"))?;
    let server = subject.server();
    let own = format!("{} {}", server.package, server.version);
    let found = find(&changelog, &own).or_else(|| find(&changelog, "Unreleased"));
    let found = found.with_context(|| format!("CHANGELOG.md has no section `{own}`"))?;
    Ok(format!("# {own}\n\n{}\n", found.trim()))
}

/// What stands under `## title`, which a date may follow.
fn find<'a>(changelog: &'a str, title: &str) -> Option<&'a str> {
    let sections = changelog.split("\n## ").skip(1);
    sections.filter_map(|section| section.split_once('\n')).find_map(|(heading, text)| {
        let heading = heading.split(" - ").next()?;
        (heading.trim() == title).then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_by_server_and_version() {
        let changelog = "# Changelog\n\n## Unreleased\n\nnew\n\n## mcp-a 0.2.0 - 2026-01-01\n\nsecond\n\
                         \n## mcp-a 0.1.0\n\nfirst\n";
        assert_eq!(find(changelog, "mcp-a 0.2.0").map(str::trim), Some("second"));
        assert_eq!(find(changelog, "mcp-a 0.1.0").map(str::trim), Some("first"));
        assert_eq!(find(changelog, "Unreleased").map(str::trim), Some("new"));
        assert_eq!(find(changelog, "mcp-a 0.1"), None);
    }
}
