//! When a file has changed.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What changes with a file: an edit changes the times, a replacement the inode as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The file as it is now; `None` when it is not there.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// Files, each as it was when it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

impl Stamps {
    /// The files as they are now.
    pub(crate) fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| (path.clone(), Stamp::of(path))).collect())
    }

    /// The same files as they are now.
    pub(crate) fn again(&self) -> Self {
        Self::of(self.0.iter().map(|(path, _)| path))
    }

    /// Looks at a file. Called before it is read, so that a change in between is seen as one.
    pub(crate) fn look(&mut self, path: &Path) -> Option<Stamp> {
        let stamp = Stamp::of(path);
        self.0.push((path.to_owned(), stamp));
        stamp
    }

    /// Adds those files of `others` that are not among these.
    pub(crate) fn add_missing(&mut self, others: &Self) {
        for (path, stamp) in &others.0 {
            if !self.0.iter().any(|(known, _)| known == path) {
                self.0.push((path.clone(), *stamp));
            }
        }
    }
}
