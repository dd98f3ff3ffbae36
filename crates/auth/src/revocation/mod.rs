//! The revocation list: credentials that are refused although they are genuine.

mod entry;

use std::{
    collections::HashMap,
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use self::entry::{read_line, without_comment};
use crate::{AuthError, ConfigError, Fingerprint, Principal, swap::Swap};

pub use self::entry::{Revocation, Target};

/// Largest list, in bytes: some hundred thousand entries.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

/// A list that several processes share.
#[async_trait]
pub trait RevocationSource: fmt::Debug + Send + Sync {
    /// Whether the principal's credential is withdrawn.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when that cannot be told now, and the credential is to be refused.
    async fn is_revoked(&self, principal: &Principal) -> Result<bool, AuthError>;
}

/// The list in force.
#[derive(Debug, Default)]
pub struct Revocations(Swap<Index>);

/// For each name, until when its entries hold.
#[derive(Debug, Default)]
struct Index {
    tokens: HashMap<String, Until>,
    subjects: HashMap<String, Vec<Cutoff>>,
    keys: HashMap<Fingerprint, Until>,
}

/// What of a subject's credentials an entry withdraws: those issued `before` a time, or all.
#[derive(Debug)]
struct Cutoff {
    before: Option<DateTime<Utc>>,
    until: Until,
}

impl Cutoff {
    fn covers(&self, issued_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        // What does not say when it was issued may be old.
        let old = self.before.is_none_or(|before| issued_at.is_none_or(|issued| issued < before));
        old && self.until.holds(now)
    }
}

/// The end of an entry; `None` is never, and sorts after every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Until(Option<DateTime<Utc>>);

impl Until {
    fn holds(self, now: DateTime<Utc>) -> bool {
        self.0.is_none_or(|until| now < until)
    }

    /// The later of two ends.
    fn or_later(&mut self, other: Self) {
        self.0 = self.0.zip(other.0).map(|(own, other)| own.max(other));
    }
}

impl Revocations {
    /// A list with the entries of `text`.
    ///
    /// # Errors
    ///
    /// Names the first line at fault.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Index::parse(text).map(|index| Self(Swap::new(index)))
    }

    /// A list with the entries of a file; a file that does not exist yet has none. Blocks.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is larger than 16 MiB or has a line at fault.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read_bounded(path)?.unwrap_or_default())
    }

    /// Reads the file again. Blocks.
    ///
    /// # Errors
    ///
    /// As [`Revocations::load`], and when the file is gone; the entries in force stay so.
    pub fn reload(&self, path: &Path) -> Result<(), ConfigError> {
        match read_bounded(path)? {
            Some(text) => self.0.store(Index::parse(&text)?),
            None if self.0.load().is_empty() => {}
            None => return Err(ConfigError::File(io::ErrorKind::NotFound.into())),
        }
        Ok(())
    }

    /// Adds one line to the file and waits until it is on the disk. Blocks.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn append(path: &Path, entry: &Revocation) -> Result<(), ConfigError> {
        append_line(path, &entry.to_string()).map_err(ConfigError::File)
    }

    /// Whether the principal's credential is withdrawn.
    pub fn is_revoked(&self, principal: &Principal, now: DateTime<Utc>) -> bool {
        let index = self.0.load();
        let holds = |until: &Until| until.holds(now);
        principal.token_id().and_then(|id| index.tokens.get(id)).is_some_and(holds)
            || principal.fingerprint().and_then(|key| index.keys.get(&key)).is_some_and(holds)
            || index.subjects.get(principal.subject()).is_some_and(|cutoffs| {
                cutoffs.iter().any(|cutoff| cutoff.covers(principal.issued_at(), now))
            })
    }
}

impl Index {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.len() > MAX_LIST_BYTES {
            return Err(ConfigError::TooLarge { most: MAX_LIST_BYTES });
        }
        let mut index = Self::default();
        for (position, line) in text.lines().enumerate() {
            let line = without_comment(line);
            if !line.is_empty() {
                let entry = read_line(line)
                    .map_err(|problem| ConfigError::Revocation { line: position + 1, problem })?;
                index.insert(entry);
            }
        }
        Ok(index)
    }

    fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.subjects.is_empty() && self.keys.is_empty()
    }

    fn insert(&mut self, entry: Revocation) {
        let until = Until(entry.until);
        match entry.target {
            Target::Token(id) => self.tokens.entry(id).or_insert(until).or_later(until),
            Target::Key(key) => self.keys.entry(key).or_insert(until).or_later(until),
            Target::Subject { name, before } => {
                self.subjects.entry(name).or_default().push(Cutoff { before, until });
            }
        }
    }
}

/// The text of the file, or nothing if there is none.
fn read_bounded(path: &Path) -> Result<Option<String>, ConfigError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError::File(error)),
    };
    let mut text = String::new();
    // One byte more, so that `parse` sees that the file is too long.
    file.take(MAX_LIST_BYTES as u64 + 1).read_to_string(&mut text).map_err(ConfigError::File)?;
    Ok(Some(text))
}

fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    // An editor may have left the last line without its end.
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let separator = if last == *b"\n" { "" } else { "\n" };
    // One write in append mode: a reader and another writer see the whole line or nothing of it.
    file.write_all(format!("{separator}{line}\n").as_bytes())?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{Revocation, Revocations, Target};
    use crate::{
        Principal,
        digest::Digest,
        principal::{Evidence, Method, Subject},
    };

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn now() -> DateTime<Utc> {
        at("2026-06-01T00:00:00Z")
    }

    fn alice() -> Principal {
        let evidence = Evidence {
            issued_at: Some(at("2026-05-01T00:00:00Z")),
            token_id: Some("token-1".to_owned()),
            fingerprint: Some(Digest::of(b"secret").fingerprint()),
            ..Evidence::default()
        };
        Principal::new(Method::Jwt, "i", Subject::User("alice".to_owned()), evidence)
    }

    fn is_revoked(list: &str) -> bool {
        Revocations::parse(list).unwrap().is_revoked(&alice(), now())
    }

    #[test]
    fn a_token_is_withdrawn_by_its_id_its_subject_or_its_fingerprint() {
        let fingerprint = Digest::of(b"secret").fingerprint();
        for line in [
            "token-1",
            "  jti:token-1  # a stolen laptop",
            "sub:alice before:2026-05-01T00:00:01Z",
            "sub:alice before:1800000000",
            "sub:alice",
            "sub:alice before:2026-05-02T00:00:00Z until:2026-06-01T00:00:01Z",
            &format!("key:{fingerprint}"),
        ] {
            assert!(is_revoked(line), "{line}");
        }
    }

    #[test]
    fn what_is_not_listed_or_has_lapsed_is_good() {
        for line in [
            "",
            "# token-1",
            "token-2",
            "sub:alice before:2026-05-01T00:00:00Z",
            "sub:bob before:2026-06-01T00:00:00Z",
            "token-1 until:2026-06-01T00:00:00Z",
            "key:0000000000000000",
        ] {
            assert!(!is_revoked(line), "{line}");
        }
    }

    #[test]
    fn the_longer_of_two_entries_for_one_token_counts() {
        for list in ["token-1\ntoken-1 until:2026-01-01T00:00:00Z", "token-1 until:1\ntoken-1"] {
            assert!(is_revoked(list), "{list}");
        }
    }

    #[test]
    fn a_key_has_no_time_of_issue_and_falls_with_its_owner() {
        let owner = Subject::User("alice".to_owned());
        let owner = Principal::new(Method::ApiKey, "api-key", owner, Evidence::default());
        let list = Revocations::parse("sub:alice before:2020-01-01T00:00:00Z").unwrap();
        assert!(list.is_revoked(&owner, now()));
    }

    #[test]
    fn a_broken_line_is_named() {
        for line in [
            "two words",
            "sub:",
            "key:xyz",
            "key:0011",
            "token-1 before:2026-01-01T00:00:00Z",
            "token-1 until:tomorrow",
            "token-1 until:1 until:2",
            "sub:a\u{7}b",
        ] {
            let error = Revocations::parse(&format!("token-9\n\n{line}")).unwrap_err().to_string();
            assert!(error.contains("line 3"), "{line}: {error}");
        }
    }

    #[test]
    fn a_broken_file_leaves_the_last_good_list_in_force() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "token-1\n").unwrap();
        let list = Revocations::load(file.path()).unwrap();
        std::fs::write(file.path(), "two words\n").unwrap();
        assert!(list.reload(file.path()).is_err());
        assert!(list.is_revoked(&alice(), now()));
        assert!(list.reload(&file.path().with_extension("gone")).is_err());
        assert!(list.is_revoked(&alice(), now()));
        std::fs::write(file.path(), "").unwrap();
        list.reload(file.path()).unwrap();
        assert!(!list.is_revoked(&alice(), now()));
    }

    #[test]
    fn the_command_writes_lines_that_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked");
        std::fs::write(&path, "token-0 # without a line end").unwrap();
        for (kind, value) in
            [("jti", "sub:odd"), ("sub", "CN=alice, O=Example"), ("key", "0123456789abcdef")]
        {
            let target = Target::of_command(kind, value, now()).unwrap();
            Revocations::append(&path, &Revocation { target, until: Some(now()) }).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "token-0 # without a line end\n\
             jti:sub:odd until:2026-06-01T00:00:00Z\n\
             sub:CN=alice, O=Example before:2026-06-01T00:00:00Z until:2026-06-01T00:00:00Z\n\
             key:0123456789abcdef until:2026-06-01T00:00:00Z\n"
        );
        Revocations::load(&path).unwrap();
    }

    #[test]
    fn a_value_that_would_be_read_back_otherwise_is_not_written() {
        for (kind, value) in [
            ("jti", "a b"),
            ("jti", "a\nb"),
            ("jti", ""),
            ("sub", "a until:2026-01-01T00:00:00Z"),
            ("sub", " alice"),
            ("sub", "alice #1"),
            ("key", "plain-key-and-no-fingerprint"),
            ("issuer", "x"),
        ] {
            assert!(Target::of_command(kind, value, now()).is_err(), "{kind} {value:?}");
        }
    }
}
