//! Which package may import which, read from `cargo metadata`.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::workspace::{self, Dependency, Package};

/// A package imports only from rows above its own. Servers and testkit stand below these, the suite over all servers
/// and the bench below them.
const ROWS: [&[&str]; 4] = [
    &["mcp-errors"],
    &["mcp-auth", "mcp-limits", "mcp-sanitize", "mcp-telemetry"],
    &["mcp-shared"],
    &["mcp-chassis"],
];
const CHASSIS_ROW: usize = ROWS.len() - 1;
const SERVER_ROW: usize = ROWS.len();
const SUITE_ROW: usize = SERVER_ROW + 1;

const TESTKIT: &str = "mcp-testkit";
const XTASK: &str = "xtask";

/// Fails with every edge and manifest that breaks a rule.
pub(crate) fn check() -> Result<()> {
    check_in(workspace::root())
}

/// The same for a copy of the workspace.
pub(crate) fn check_in(root: &Path) -> Result<()> {
    let faults: Vec<String> = workspace::packages_in(root)?.iter().flat_map(faults).collect();
    ensure!(faults.is_empty(), "\n  {}", faults.join("\n  "));
    Ok(())
}

fn faults(package: &Package) -> Vec<String> {
    let mut faults = manifest_faults(package);
    if row(&package.name, &package.folder).is_none() && package.name != XTASK {
        faults.push(format!("{} has no row in xtask/src/layers.rs", package.name));
    }
    let edges = package.dependencies.iter();
    faults.extend(edges.filter_map(|edge| edge_fault(package, edge)));
    faults
}

fn row(name: &str, folder: &str) -> Option<usize> {
    let shared = ROWS.iter().position(|row| row.contains(&name));
    let by_folder = || match folder.split('/').next() {
        Some("servers") => Some(SERVER_ROW),
        Some("bench" | "tests") => Some(SUITE_ROW),
        _ => (name == TESTKIT).then_some(SERVER_ROW),
    };
    shared.or_else(by_folder)
}

fn edge_fault(package: &Package, edge: &Dependency) -> Option<String> {
    let (from, to) = (package.name.as_str(), edge.name.as_str());
    if !edge.is_ours {
        return (!may_know(package, to)).then(|| format!("{from} may not know {to}"));
    }
    if from == XTASK {
        // The checks must run where nothing of ours builds, so all but the client that `demo` drives servers with, and
        // the issuer that `run` starts beside them, stays out.
        return (to != TESTKIT).then(|| format!("{from} imports {TESTKIT} alone, so not {to}"));
    }
    if to == TESTKIT {
        return (!edge.is_for_tests).then(|| format!("{from} may use {to} in tests only"));
    }
    // What is in no shared row is a server, wherever its folder stands.
    let target = row(to, "").unwrap_or(SERVER_ROW);
    let allowed = row(from, &package.folder).is_some_and(|row| target < row);
    (!allowed).then(|| format!("{from} may not import {to}"))
}

/// Third-party packages that shape whatever imports them stay in few hands.
fn may_know(package: &Package, third_party: &str) -> bool {
    match third_party {
        // The bench asks by hand what the server asks.
        "sqlx" => ["mcp-bench", "mcp-postgres", "mcp-ticketing"].contains(&package.name.as_str()),
        // What replicas share is one crate's business, so that losing it is handled in one place.
        "redis" => package.name == "mcp-shared",
        // Guards know principals, text and quotas; the chassis alone translates them to the protocol.
        // xtask speaks it as a client, in `demo`.
        "rmcp" => {
            let row = row(&package.name, &package.folder);
            package.name == XTASK || row.is_some_and(|row| row >= CHASSIS_ROW)
        }
        _ => true,
    }
}

fn manifest_faults(package: &Package) -> Vec<String> {
    let name = &package.name;
    let mut faults = Vec::new();
    let lints = package.manifest.get("lints").and_then(|it| it.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        faults.push(format!("{name} lacks `[lints] workspace = true`"));
    }
    let own_version = |(dependency, value): (&String, &toml::Value)| {
        let shared = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
        let path = value.get("path").is_some() && value.get("version").is_none();
        let fault = || format!("{name} gives `{dependency}` a version of its own");
        (!shared && !path).then(fault)
    };
    let tables = dependency_tables(&package.manifest);
    faults.extend(tables.into_iter().flat_map(|table| table.iter().filter_map(own_version)));
    faults
}

/// `[dependencies]`, its two siblings, and the same under every `[target.…]`.
fn dependency_tables(manifest: &toml::Table) -> Vec<&toml::Table> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(|it| it.values().filter_map(toml::Value::as_table));
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    std::iter::once(manifest)
        .chain(targets)
        .flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "[lints]\nworkspace = true\n";

    fn package(name: &str, folder: &str, manifest: &str) -> Package {
        let manifest = manifest.parse().unwrap();
        Package { name: name.into(), folder: folder.into(), dependencies: Vec::new(), manifest }
    }

    fn import(from: (&str, &str), to: &str, is_for_tests: bool) -> Vec<String> {
        let is_ours = to.starts_with("mcp-");
        let edge = Dependency { name: to.into(), is_ours, is_for_tests };
        faults(&Package { dependencies: vec![edge], ..package(from.0, from.1, CLEAN) })
    }

    #[test]
    fn imports_point_to_lower_rows_only() {
        let limits = ("mcp-limits", "crates/limits");
        assert_eq!(import(limits, "mcp-errors", false), [""; 0]);
        assert_eq!(import(limits, "mcp-auth", false), ["mcp-limits may not import mcp-auth"]);
        assert_eq!(import(limits, "mcp-chassis", true), ["mcp-limits may not import mcp-chassis"]);
        let errors = ("mcp-errors", "crates/errors");
        assert_eq!(import(errors, "mcp-limits", false), ["mcp-errors may not import mcp-limits"]);
    }

    #[test]
    fn a_server_imports_the_chassis_and_no_other_server() {
        let ticketing = ("mcp-ticketing", "servers/ticketing");
        assert_eq!(import(ticketing, "mcp-chassis", false), [""; 0]);
        assert_eq!(
            import(ticketing, "mcp-weather", true),
            ["mcp-ticketing may not import mcp-weather"]
        );
    }

    #[test]
    fn the_suite_imports_every_server() {
        assert_eq!(import(("mcp-suite", "tests"), "mcp-weather", false), [""; 0]);
    }

    #[test]
    fn testkit_serves_tests_alone() {
        let chassis = ("mcp-chassis", "crates/chassis");
        assert_eq!(import(chassis, TESTKIT, true), [""; 0]);
        assert_eq!(
            import(chassis, TESTKIT, false),
            ["mcp-chassis may use mcp-testkit in tests only"]
        );
    }

    #[test]
    fn xtask_imports_testkit_and_nothing_else_of_ours() {
        assert_eq!(
            import((XTASK, XTASK), "mcp-errors", false),
            ["xtask imports mcp-testkit alone, so not mcp-errors"]
        );
        assert_eq!(import((XTASK, XTASK), TESTKIT, false), [""; 0]);
        assert_eq!(import((XTASK, XTASK), "clap", false), [""; 0]);
    }

    #[test]
    fn sqlx_and_rmcp_stay_where_they_belong() {
        assert_eq!(import(("mcp-postgres", "servers/postgres"), "sqlx", false), [""; 0]);
        assert_eq!(
            import(("mcp-weather", "servers/weather"), "sqlx", true),
            ["mcp-weather may not know sqlx"]
        );
        assert_eq!(
            import(("mcp-auth", "crates/auth"), "rmcp", false),
            ["mcp-auth may not know rmcp"]
        );
    }

    #[test]
    fn guards_are_shared_between_replicas_in_one_crate() {
        let shared = ("mcp-shared", "crates/shared");
        assert_eq!(import(shared, "mcp-limits", false), [""; 0]);
        assert_eq!(import(shared, "redis", false), [""; 0]);
        let limits = ("mcp-limits", "crates/limits");
        assert_eq!(import(limits, "mcp-shared", false), ["mcp-limits may not import mcp-shared"]);
        assert_eq!(import(limits, "redis", false), ["mcp-limits may not know redis"]);
    }

    #[test]
    fn a_package_without_a_row_is_refused() {
        assert_eq!(
            faults(&package("mcp-extra", "crates/extra", CLEAN)),
            ["mcp-extra has no row in xtask/src/layers.rs"]
        );
    }

    #[test]
    fn lints_and_versions_come_from_the_workspace() {
        let manifest = "
            [dependencies]
            serde = { workspace = true, features = ['rc'] }
            [target.'cfg(unix)'.dev-dependencies]
            nix = '0.31'
        ";
        assert_eq!(
            faults(&package("mcp-errors", "crates/errors", manifest)),
            [
                "mcp-errors lacks `[lints] workspace = true`",
                "mcp-errors gives `nix` a version of its own"
            ]
        );
    }
}
