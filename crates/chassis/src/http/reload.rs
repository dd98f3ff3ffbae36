//! Files that take effect while the server runs: keys, and what was revoked.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use crate::config::Problem;

/// How often files are looked at: a change takes effect within a second.
const PERIOD: Duration = Duration::from_millis(500);

/// A file, and what its content is put to.
pub(crate) struct Watched {
    variable: &'static str,
    path: PathBuf,
    seen: Option<Stamp>,
    apply: Box<Apply>,
}

/// Puts a file's content in force, or says why it cannot be and leaves everything as it was. Blocks.
type Apply = dyn Fn(&Path) -> Result<(), String> + Send + Sync;

/// What changes with a file: an edit changes the times, a replacement the inode as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

impl Watched {
    /// Puts the file in force for the first time.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn first(
        variable: &'static str,
        path: &Path,
        apply: impl Fn(&Path) -> Result<(), String> + Send + Sync + 'static,
    ) -> Result<Self, Problem> {
        // Before it is read, so that a change in between is seen as one.
        let seen = Stamp::of(path);
        apply(path).map_err(|problem| {
            Problem::new(variable, "configuration", format!("{}: {problem}", path.display()))
        })?;
        Ok(Self { variable, path: path.to_owned(), seen, apply: Box::new(apply) })
    }

    /// Puts the file in force again if it is another than was seen last. A broken one is told of once.
    fn renew(&mut self) {
        let now = Stamp::of(&self.path);
        if now == self.seen {
            return;
        }
        self.seen = now;
        match (self.apply)(&self.path) {
            Ok(()) => tracing::info!(setting = self.variable, "the file changed and is in force"),
            Err(problem) => {
                let setting = self.variable;
                tracing::error!(
                    setting,
                    problem,
                    "the file is not usable, the last good one stays"
                );
            }
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("variable", &self.variable)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Looks at the files for as long as the process runs.
pub(crate) async fn watch(mut files: Vec<Watched>) {
    if files.is_empty() {
        return;
    }
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A disk that hangs holds up this and nothing else.
        let looked = tokio::task::spawn_blocking(move || {
            files.iter_mut().for_each(Watched::renew);
            files
        });
        match looked.await {
            Ok(looked) => files = looked,
            Err(error) => return tracing::error!(%error, "files are no longer watched"),
        }
    }
}

/// The content of a file of at most `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::other(format!("is larger than {most} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::Path,
        sync::{Arc, Mutex},
    };

    use super::{Watched, read};

    /// What is done to the file; then what is in force, and how often the file was read.
    type Change = fn(&Path);

    #[test]
    fn a_change_is_in_force_and_a_broken_file_leaves_the_last_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "one").unwrap();
        let (log, value) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(String::new())));
        let (applied, in_force) = (Arc::clone(&log), Arc::clone(&value));
        let apply = move |path: &Path| {
            *applied.lock().unwrap() += 1;
            let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
            if text == "broken" {
                return Err("cannot be read".to_owned());
            }
            *in_force.lock().unwrap() = text;
            Ok(())
        };
        let mut file = Watched::first("MCP_API_KEYS_FILE", &path, apply).unwrap();
        let steps: [(Change, &str, u32); 6] = [
            (|_| {}, "one", 1),
            (|path| fs::write(path, "four").unwrap(), "four", 2),
            (|path| fs::write(path, "broken").unwrap(), "four", 3),
            (|_| {}, "four", 3),
            (|path| fs::remove_file(path).unwrap(), "four", 4),
            (|path| fs::write(path, "five").unwrap(), "five", 5),
        ];
        for (change, expected, reads) in steps {
            change(&path);
            file.renew();
            assert_eq!((value.lock().unwrap().as_str(), *log.lock().unwrap()), (expected, reads));
        }
    }

    #[test]
    fn a_file_beyond_its_bound_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "12345").unwrap();
        assert_eq!(read(file.path(), 5).unwrap(), b"12345");
        assert!(read(file.path(), 4).unwrap_err().to_string().contains("larger"));
    }
}
