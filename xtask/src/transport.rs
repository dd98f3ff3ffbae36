//! A binary with one transport carries nothing of the other.

use anyhow::{Result, ensure};

use crate::process::{cargo, output};
use crate::workspace::{self, Package};

/// What serves HTTP, and nothing else needs; upstream clients have hyper and rustls of their own right.
const HTTP_SERVER: &str = "axum";

/// Asserts from `cargo tree` that no server's stdio-only build contains the HTTP server.
pub(crate) fn check() -> Result<()> {
    let packages = workspace::packages()?;
    for server in packages.iter().filter(|it| has_both_transports(it)) {
        let tree =
            format!("tree --locked -p {} --no-default-features --features stdio", server.name);
        let tree = output(cargo(&tree).args(["--edges", "normal", "--prefix", "none"]))?;
        ensure!(
            !contains(&tree, HTTP_SERVER),
            "{}, stdio only, carries {HTTP_SERVER}",
            server.name
        );
        println!("{}: stdio only, without {HTTP_SERVER}", server.name);
    }
    Ok(())
}

fn has_both_transports(package: &Package) -> bool {
    let features = package.manifest.get("features");
    let has = |name| features.is_some_and(|it| it.get(name).is_some());
    package.folder.starts_with("servers/") && has("stdio") && has("http")
}

/// Whether a package stands in the output of `cargo tree --prefix none`.
fn contains(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.split(' ').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axum_is_found_by_its_whole_name() {
        let tree = "mcp-ticketing v0.1.0 (/work)\naxum-core v0.5.0\nserde v1.0.228\n";
        assert!(!contains(tree, HTTP_SERVER));
        assert!(contains(&format!("{tree}axum v0.8.9 (*)\n"), HTTP_SERVER));
    }

    #[test]
    fn only_servers_with_a_choice_are_checked() {
        let server = |features: &str| Package {
            name: "mcp-weather".into(),
            folder: "servers/weather".into(),
            dependencies: Vec::new(),
            manifest: features.parse().unwrap(),
        };
        assert!(has_both_transports(&server("[features]\nstdio = []\nhttp = []")));
        assert!(!has_both_transports(&server("[features]\nstdio = []")));
    }
}
