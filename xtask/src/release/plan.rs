//! The names of what a release consists of, so that what would be made can be said before anything is built.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::deploy;
use crate::descriptor::Descriptor;
use crate::release::sums;
use crate::{surface, workspace};

/// Reports that go with a release where they have been made.
const REPORTS: [(&str, &str); 2] = [
    ("target/conformance/report.json", "conformance-report.json"),
    ("target/bench/report.json", "bench-report.json"),
];

/// Helm's chart, the same for every server.
pub(super) const CHART: &str = "mcp-server-chart.tgz";

/// Every file of a release for a target but its signature, in order.
pub(super) fn files(server: &Descriptor, target: &str) -> BTreeSet<String> {
    let short = server.short();
    let own = ["tar.gz", "mcpb", "oci.tar"].map(|kind| format!("{short}-{target}.{kind}"));
    let documents = ["cdx.json", "provenance.json"].map(|kind| format!("{short}.{kind}"));
    let others =
        ["Dockerfile", "RELEASE-NOTES.md", CHART, "server.json", surface::LOCK, sums::FILE];
    let rendered = deploy::FILES.into_iter().filter(|name| belongs(name));
    let named = rendered.chain(others).chain(reports().map(|(_, name)| name)).map(str::to_owned);
    named.chain(own).chain(documents).collect()
}

/// The reports that there are, and their names in a release.
pub(super) fn reports() -> impl Iterator<Item = (PathBuf, &'static str)> {
    let placed = REPORTS.into_iter().map(|(path, name)| (workspace::root().join(path), name));
    placed.filter(|(path, _)| path.is_file())
}

/// Whether a rendered file goes with a release. The image's is another there, and an ignore file would keep the archive out
/// of its build.
pub(super) fn belongs(rendered: &str) -> bool {
    !rendered.contains("dockerignore") && rendered != "Dockerfile"
}
