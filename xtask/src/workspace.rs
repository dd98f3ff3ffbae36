//! What the workspace consists of: its root, its packages, its source files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::process::variable;

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        // As cargo says it to who is run by it; so the same program serves a copy of the tree.
        let here = variable("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = here.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
    });
    &ROOT
}

/// A member, as far as the checks look at it.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root, such as `crates/errors`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) manifest: toml::Table,
}

/// An edge from a member to any package.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) is_ours: bool,
    pub(crate) is_for_tests: bool,
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// Every member of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    packages_in(root())
}

/// The same for a copy of the workspace.
pub(crate) fn packages_in(root: &Path) -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
    let root = metadata.workspace_root.as_std_path();
    metadata.packages.iter().map(|it| package(it, root)).collect()
}

fn package(package: &cargo_metadata::Package, root: &Path) -> Result<Package> {
    let path = package.manifest_path.as_std_path();
    let manifest = fs::read_to_string(path)?;
    let manifest = manifest.parse().with_context(|| format!("`{}`", path.display()))?;
    let folder = path.parent().and_then(|it| it.strip_prefix(root).ok()).unwrap_or(path);
    let dependencies = package.dependencies.iter().map(|it| Dependency {
        name: it.name.clone(),
        is_ours: it.path.is_some(),
        is_for_tests: it.kind == DependencyKind::Development,
    });
    Ok(Package {
        name: package.name.to_string(),
        folder: folder.display().to_string(),
        dependencies: dependencies.collect(),
        manifest,
    })
}

/// A text file that a person wrote.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the root, with `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The Rust, TOML and Markdown files of the workspace, without what was recorded or built.
pub(crate) fn source_files(root: &Path) -> Result<Vec<SourceFile>> {
    const NOT_WRITTEN: [&str; 5] = ["dist", "fixtures", "node_modules", "snapshots", "target"];
    const WRITTEN: [&str; 3] = ["md", "rs", "toml"];
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("`{}`", folder.display()))? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type()?.is_dir() {
                let hidden = name.starts_with('.') && name != ".cargo";
                if !hidden && !NOT_WRITTEN.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|it| WRITTEN.iter().any(|ext| it == *ext)) {
                files.push(read(root, &path)?);
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn read(root: &Path, path: &Path) -> Result<SourceFile> {
    let text = fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    let relative = path.strip_prefix(root).unwrap_or(path);
    Ok(SourceFile { path: relative.display().to_string(), text })
}
