//! Archives that hold nothing of the machine that made them: sorted, of one time, of nobody.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// A file or a folder, by what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    bytes: Vec<u8>,
    mode: u32,
    is_folder: bool,
}

/// What goes into an archive, by path, sorted.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries(BTreeMap<String, Entry>);

impl Entries {
    /// A file that anybody may read.
    pub(super) fn file(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let entry = Entry { bytes: bytes.into(), mode: 0o644, is_folder: false };
        self.0.insert(path.into(), entry);
    }

    /// A file that anybody may run.
    pub(super) fn program(&mut self, path: impl Into<String>, bytes: Vec<u8>) {
        self.0.insert(path.into(), Entry { bytes, mode: 0o755, is_folder: false });
    }

    /// A folder, and those that it is in.
    pub(super) fn folder(&mut self, path: &str, mode: u32) {
        let parents = Path::new(path).ancestors().skip(1).filter(|it| !it.as_os_str().is_empty());
        for parent in parents {
            let entry = Entry { bytes: Vec::new(), mode: 0o755, is_folder: true };
            self.0.entry(parent.display().to_string()).or_insert(entry);
        }
        self.0.insert(path.to_owned(), Entry { bytes: Vec::new(), mode, is_folder: true });
    }

    /// The same within a folder.
    pub(super) fn under(&self, folder: &str) -> Self {
        Self(self.0.iter().map(|(path, it)| (format!("{folder}/{path}"), it.clone())).collect())
    }
}

/// A tar archive; owner and group are root, every time is `epoch`.
pub(super) fn tar(entries: &Entries, epoch: u64) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, entry) in &entries.0 {
        let mut header = Header::new_ustar();
        header.set_entry_type(if entry.is_folder {
            EntryType::Directory
        } else {
            EntryType::Regular
        });
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(epoch);
        header.set_size(entry.bytes.len().try_into()?);
        archive
            .append_data(&mut header, path, entry.bytes.as_slice())
            .with_context(|| path.clone())?;
    }
    Ok(archive.into_inner()?)
}

/// Compressed by gzip, without a name or a time.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    // 255: no operating system in particular.
    let mut encoder = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::new(6));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_sorted_and_of_nobody() {
        let mut entries = Entries::default();
        entries.program("b", b"b".to_vec());
        entries.file("a", "a");
        let entries = entries.under("top");
        let bytes = tar(&entries, 42).unwrap();
        assert_eq!(bytes, tar(&entries, 42).unwrap());
        let mut archive = tar::Archive::new(bytes.as_slice());
        let found: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let (path, header) = (entry.path().unwrap().display().to_string(), entry.header());
                (path, header.mode().unwrap(), header.uid().unwrap(), header.mtime().unwrap())
            })
            .collect();
        assert_eq!(found, [("top/a".to_owned(), 0o644, 0, 42), ("top/b".to_owned(), 0o755, 0, 42)]);
    }

    #[test]
    fn compressed_bytes_hold_no_time() {
        let bytes = gzip(b"text").unwrap();
        assert_eq!(bytes.get(4..8), Some([0; 4].as_slice()));
        assert_eq!(bytes.get(9), Some(&255));
    }
}
