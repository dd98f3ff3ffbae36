//! Where lines are kept: a file that is only ever appended to, or stderr.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::chain::{self, Head, MAX_LINE, Torn};

/// How far back the last whole line is looked for.
const TAIL: u64 = 4 * MAX_LINE as u64;

/// Where a chain ends.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) head: Head,
    /// The hash of what stands after the last whole line.
    pub(super) torn: Option<[u8; 32]>,
}

/// Keeps lines. After an error the store is only used again after `resume`.
pub(super) trait Store: Send + 'static {
    /// Opens the store (anew) and finds the end of the chain. `last` is the end as the caller knows it.
    fn resume(&mut self, last: Head) -> io::Result<Tail>;

    /// Whether what is written would no longer be found where it belongs, so that `resume` is due.
    fn moved(&self) -> bool {
        false
    }

    /// Writes whole lines after the last one.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;

    /// Returns when everything written is durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A log file, locked against other processes while it is open.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<File>,
}

impl LogFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        // Two writers would fork the chain.
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(io::Error::other("another process writes it, give each its own file"))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn opened(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("it is not open"))
    }
}

impl Store for LogFile {
    fn resume(&mut self, _last: Head) -> io::Result<Tail> {
        // The old handle holds the lock, and perhaps lines of a file that was moved away.
        if let Some(old) = self.file.take() {
            old.sync_data().ok();
        }
        let mut file = self.open()?;
        let length = file.seek(SeekFrom::End(0))?;
        if length == 0 {
            sync_directory(&self.path)?;
        }
        let start = length.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        (&file).take(TAIL).read_to_end(&mut bytes)?;
        let unfinished = bytes.last().is_some_and(|last| *last != b'\n');
        if unfinished {
            bytes.push(b'\n');
        }
        let tail = find_tail(&bytes, start == 0)
            .ok_or_else(|| io::Error::other("it does not end in an audit chain, move it away"))?;
        if unfinished {
            // Completes a line that lacks nothing else, and sets a torn one apart from the next.
            file.write_all(b"\n")?;
        }
        self.file = Some(file);
        Ok(tail)
    }

    /// Whether the file was renamed or deleted: a rotation goes on in a new file, not in a lost one.
    #[cfg(unix)]
    fn moved(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let identity = |it: std::fs::Metadata| (it.dev(), it.ino());
        let open = self.file.as_ref().and_then(|file| file.metadata().ok()).map(identity);
        open.is_some() && open != std::fs::metadata(&self.path).ok().map(identity)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.opened()?.write_all(lines)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.opened()?.sync_data()
    }
}

/// The last whole line and the hash of what stands after it; none when this is no audit log.
fn find_tail(bytes: &[u8], whole_file: bool) -> Option<Tail> {
    let mut end = bytes.len();
    for line in bytes.split_inclusive(|byte| *byte == b'\n').rev() {
        if let Ok(line) = chain::parse(line.strip_suffix(b"\n").unwrap_or(line)) {
            return Some(Tail { head: line.head, torn: torn(bytes.get(end..)?) });
        }
        // `verify` does not read on after such a line.
        if line.len() > MAX_LINE {
            return None;
        }
        end -= line.len();
    }
    let first = b"{\"seq\":1,";
    let fragment = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let ours = fragment.starts_with(first) || first.starts_with(fragment);
    (whole_file && ours).then(|| Tail { head: Head::EMPTY, torn: torn(bytes) })
}

fn torn(bytes: &[u8]) -> Option<[u8; 32]> {
    let mut torn = Torn::default();
    torn.add(bytes);
    (!bytes.is_empty()).then(|| torn.digest())
}

/// A new file's name is durable only with its directory.
fn sync_directory(file: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Lines among the log; whoever collects stderr makes them durable.
#[derive(Debug)]
pub(super) struct Stderr;

impl Store for Stderr {
    fn resume(&mut self, last: Head) -> io::Result<Tail> {
        Ok(Tail { head: last, torn: None })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        io::stderr().lock().write_all(lines)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
