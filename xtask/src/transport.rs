//! A binary with one transport carries nothing of the other.

use anyhow::{Result, ensure};

use crate::process::{cargo, output};
use crate::workspace::{self, Package};

/// What only HTTP needs.
const HTTP_ONLY: [&str; 2] = ["axum", "hyper-rustls"];

/// Asserts from `cargo tree` that no server's stdio-only build contains the HTTP server.
pub(crate) fn check() -> Result<()> {
    let packages = workspace::packages()?;
    for server in packages.iter().filter(|it| has_both_transports(it)) {
        let tree =
            format!("tree --locked -p {} --no-default-features --features stdio", server.name);
        let tree = output(cargo(&tree).args(["--edges", "normal", "--prefix", "none"]))?;
        let carried = http_packages(&tree);
        ensure!(carried.is_empty(), "{}, stdio only, carries {}", server.name, carried.join(", "));
        println!("{}: stdio only, without {}", server.name, HTTP_ONLY.join(", "));
    }
    Ok(())
}

fn has_both_transports(package: &Package) -> bool {
    let features = package.manifest.get("features");
    let has = |name| features.is_some_and(|it| it.get(name).is_some());
    package.folder.starts_with("servers/") && has("stdio") && has("http")
}

fn http_packages(tree: &str) -> Vec<&'static str> {
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    HTTP_ONLY.into_iter().filter(|it| names.contains(it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axum_is_found_by_its_whole_name() {
        let tree = "mcp-ticketing v0.1.0 (/work)\naxum-core v0.5.0\nserde v1.0.228\n";
        assert_eq!(http_packages(tree), [""; 0]);
        assert_eq!(http_packages(&format!("{tree}axum v0.8.9 (*)\n")), ["axum"]);
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
