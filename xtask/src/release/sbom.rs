//! What the program is made of, from the lock file: a `CycloneDX` 1.6 bill of materials.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, PackageId};
use serde_json::{Value, json};

use super::Subject;
use super::bundle::pretty;
use crate::process::{cargo, output};
use crate::workspace;

/// A package, by name and version.
type Name = (String, String);

/// The document, components by name.
pub(super) fn document(subject: &Subject) -> Result<Vec<u8>> {
    let (server, target) = (subject.server(), &subject.source.target);
    let metadata = MetadataCommand::new()
        .current_dir(workspace::root())
        .other_options([
            "--locked".into(),
            "--offline".into(),
            format!("--filter-platform={target}"),
        ])
        .exec()?;
    let linked = tree(&server.package, target, "normal")?;
    let all = tree(&server.package, target, "normal,build")?;
    let sums = checksums(&std::fs::read_to_string(workspace::root().join("Cargo.lock"))?)?;
    let root = (server.package.clone(), server.version.clone());
    let components: Vec<_> = metadata
        .packages
        .iter()
        .map(|package| (name(package), package))
        .filter(|(name, _)| all.contains(name) && *name != root)
        .map(|(name, package)| component(package, linked.contains(&name), sums.get(&name)))
        .collect();
    Ok(pretty(&json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": subject.source.time(),
            "component": {
                "type": "application",
                "bom-ref": purl(&root),
                "name": server.package,
                "version": server.version,
                "description": server.description,
                "licenses": [{ "expression": "Apache-2.0" }],
                "purl": purl(&root),
            },
        },
        "components": components,
        "dependencies": edges(&metadata, &all)?,
    })))
}

fn name(package: &cargo_metadata::Package) -> Name {
    (package.name.to_string(), package.version.to_string())
}

fn purl((name, version): &Name) -> String {
    // The one character of a version that a package URL keeps for itself.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// What is only run to build the program is `excluded` from it.
fn component(package: &cargo_metadata::Package, is_linked: bool, sum: Option<&String>) -> Value {
    let name = name(package);
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(&name),
        "name": name.0,
        "version": name.1,
        "scope": if is_linked { "required" } else { "excluded" },
        "purl": purl(&name),
    });
    if let Value::Object(component) = &mut component {
        if let Some(license) = &package.license {
            // How `OR` was written once.
            let expression = license.replace('/', " OR ");
            component.insert("licenses".into(), json!([{ "expression": expression }]));
        }
        if let Some(sum) = sum {
            component.insert("hashes".into(), json!([{ "alg": "SHA-256", "content": sum }]));
        }
        if let Some(repository) = &package.repository {
            let reference = json!([{ "type": "vcs", "url": repository }]);
            component.insert("externalReferences".into(), reference);
        }
    }
    component
}

/// Everything of the program's tree, with the features of this server alone.
fn tree(package: &str, target: &str, edges: &str) -> Result<BTreeSet<Name>> {
    let tree = format!(
        "tree --locked --offline --package {package} --target {target} --edges {edges} --prefix none"
    );
    Ok(names_in(&output(&mut cargo(&tree))?))
}

/// `serde v1.0.228 (proc-macro) (*)`
fn names_in(tree: &str) -> BTreeSet<Name> {
    let name = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().filter(|name| !name.is_empty())?;
        Some((name.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    };
    tree.lines().filter_map(name).collect()
}

fn checksums(lock: &str) -> Result<BTreeMap<Name, String>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let sum = |package: &toml::Value| {
        let text = |key: &str| Some(package.get(key)?.as_str()?.to_owned());
        Some(((text("name")?, text("version")?), text("checksum")?))
    };
    Ok(packages.into_iter().flatten().filter_map(sum).collect())
}

/// Who needs whom, among what is in the tree.
fn edges(metadata: &Metadata, tree: &BTreeSet<Name>) -> Result<Vec<Value>> {
    let names: BTreeMap<&PackageId, Name> =
        metadata.packages.iter().map(|package| (&package.id, name(package))).collect();
    let resolve = metadata.resolve.as_ref().context("cargo resolved nothing")?;
    let mut edges = BTreeMap::new();
    for node in &resolve.nodes {
        let Some(from) = names.get(&node.id).filter(|name| tree.contains(*name)) else { continue };
        let is_for_tests = |it: &cargo_metadata::NodeDep| {
            it.dep_kinds.iter().all(|it| it.kind == cargo_metadata::DependencyKind::Development)
        };
        let to = node.deps.iter().filter(|it| !is_for_tests(it));
        let to = to.filter_map(|it| names.get(&it.pkg)).filter(|name| tree.contains(*name));
        edges.insert(purl(from), to.map(purl).collect::<BTreeSet<_>>());
    }
    Ok(edges.into_iter().map(|(from, to)| json!({ "ref": from, "dependsOn": to })).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_a_tree() {
        let tree = "mcp-a v0.1.0 (/source/servers/a)\nserde v1.0.228\nserde_derive v1.0.228 (proc-macro) (*)\n\n";
        let names: Vec<_> = names_in(tree).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["mcp-a", "serde", "serde_derive"]);
    }

    #[test]
    fn checksums_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = 'a'\nversion = '1.0.0+b'\nchecksum = 'ff'\n[[package]]\nname = 'own'\nversion = '0.1.0'\n";
        let sums = checksums(lock).unwrap();
        let name = ("a".to_owned(), "1.0.0+b".to_owned());
        assert_eq!(sums.get(&name).map(String::as_str), Some("ff"));
        assert_eq!(sums.len(), 1);
        assert_eq!(purl(&name), "pkg:cargo/a@1.0.0%2Bb");
    }
}
