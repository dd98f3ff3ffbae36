//! The template, a crate under a name of its own in `xtask/templates/server`, and the files that it becomes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::names::Names;

/// Where the template stands.
const FOLDER: &str = "xtask/templates/server";

/// A file of the new server.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the root.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Every file of the template under the new name, in order.
pub(super) fn render(root: &Path, names: &Names) -> Result<Vec<File>> {
    let template = root.join(FOLDER);
    let mut files = Vec::new();
    let mut folders = vec![template.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let is_rust = path.extension().is_some_and(|it| it == "rs");
            ensure!(
                !(is_rust && has_word(&text, &names.type_name())),
                "`{}` would be a type that every server uses already: choose another name",
                names.type_name()
            );
            let path = place(path.strip_prefix(&template)?, names);
            files.push(File { path, text: renamed(text, names) });
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

/// Recorded answers stand with those of the other servers.
fn place(path: &Path, names: &Names) -> PathBuf {
    match path.strip_prefix("fixtures") {
        Ok(fixture) => Path::new("fixtures").join(names.kebab()).join(fixture),
        Err(_) => Path::new("servers").join(names.kebab()).join(path),
    }
}

fn renamed(text: String, names: &Names) -> String {
    names.replacements().iter().fold(text, |text, (from, to)| text.replace(from, to))
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|it: char| !it.is_alphanumeric() && it != '_').any(|it| it == word)
}
