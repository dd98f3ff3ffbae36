//! Checks a chain from its first line to its last, in constant memory.

use std::{
    error::Error as StdError,
    fmt,
    io::{self, BufRead, BufReader, Read},
};

use super::chain::{self, Event, Fault, Head, Line, MAX_LINE, Torn};

/// A chain without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Lines read, torn ones included.
    pub lines: u64,
    /// Number of the last line of the chain.
    pub seq: u64,
    /// Hash of the last line in hexadecimal, to be compared with the `audit head` that the process logged.
    pub head: String,
    /// Interruptions that the chain tells of.
    pub recoveries: u64,
    /// Whether the last process ended in an orderly way; if not it runs, crashed, or lines were cut off.
    pub closed: bool,
}

/// The first fault of a chain.
#[derive(Debug)]
pub struct Broken {
    /// The line at fault, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// It is not a line of an audit log.
    Malformed,
    /// Its content does not match its hash.
    Edited,
    /// It is longer than any line that is written.
    TooLong,
    /// It does not end: a crash that the next start will record, or a cut.
    CutOff,
    /// Lines before it are missing, moved or repeated.
    OutOfOrder {
        /// The number that should follow.
        expected: u64,
        /// The line's own number.
        found: u64,
    },
    /// It was written after another line than the one that stands before it.
    Unlinked,
    /// It tells of a torn line before it, and there is none.
    FragmentMissing,
    /// It could not be read.
    Unreadable(io::Error),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is not a line of an audit log"),
            Self::Edited => f.write_str("its content does not match its hash"),
            Self::TooLong => write!(f, "it is longer than {MAX_LINE} bytes"),
            Self::CutOff => f.write_str("it is cut off"),
            Self::OutOfOrder { expected, found } => {
                write!(f, "number {expected} should stand here, not {found}")
            }
            Self::Unlinked => f.write_str("it does not continue the line before it"),
            Self::FragmentMissing => f.write_str("the torn line that it tells of is missing"),
            Self::Unreadable(_) => f.write_str("it cannot be read"),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl StdError for Broken {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

/// Checks every line of `reader`.
///
/// What this cannot show is said in the crate's documentation.
///
/// # Errors
/// The first line that is not what was written there.
pub fn verify(reader: impl Read) -> Result<Verified, Broken> {
    let mut reader = BufReader::new(reader);
    let mut check = Check::default();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let length = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes);
        match length {
            Ok(0) => return check.finish(),
            Ok(_) => check.line(&bytes)?,
            Err(error) => {
                return Err(Broken { line: check.lines + 1, problem: Problem::Unreadable(error) });
            }
        }
    }
}

#[derive(Default)]
struct Check {
    lines: u64,
    head: Option<Head>,
    recoveries: u64,
    closed: bool,
    torn: Option<TornRun>,
}

/// Lines that only a `recovered` line with their hash can explain.
struct TornRun {
    broken: Broken,
    hash: Torn,
}

impl Check {
    /// Takes one line with its line feed.
    fn line(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.lines += 1;
        if bytes.len() > MAX_LINE {
            return Err(self.broken(Problem::TooLong));
        }
        let Some(line) = bytes.strip_suffix(b"\n") else {
            return Err(self.broken(Problem::CutOff));
        };
        match chain::parse(line) {
            Ok(line) => self.follow(&line),
            Err(fault) => {
                let broken = self.broken(match fault {
                    Fault::Malformed => Problem::Malformed,
                    Fault::Edited => Problem::Edited,
                });
                let run = self.torn.get_or_insert(TornRun { broken, hash: Torn::default() });
                run.hash.add(bytes);
                Ok(())
            }
        }
    }

    fn follow(&mut self, line: &Line) -> Result<(), Broken> {
        match (self.torn.take(), line.torn_sha256) {
            (Some(run), told) => {
                if told != Some(run.hash.digest()) {
                    return Err(run.broken);
                }
            }
            (None, Some(_)) => return Err(self.broken(Problem::FragmentMissing)),
            (None, None) => {}
        }
        let last = self.head.unwrap_or(Head::EMPTY);
        let (expected, found) = (last.seq + 1, line.head.seq);
        if expected != found {
            return Err(self.broken(Problem::OutOfOrder { expected, found }));
        }
        if line.prev != last.hash {
            return Err(self.broken(Problem::Unlinked));
        }
        self.head = Some(line.head);
        self.recoveries += u64::from(line.event == Event::Recovered);
        self.closed = line.event == Event::Closed;
        Ok(())
    }

    fn finish(self) -> Result<Verified, Broken> {
        if let Some(run) = self.torn {
            return Err(run.broken);
        }
        let head = self.head.unwrap_or(Head::EMPTY);
        Ok(Verified {
            lines: self.lines,
            seq: head.seq,
            head: hex::encode(head.hash),
            recoveries: self.recoveries,
            closed: self.closed,
        })
    }

    fn broken(&self, problem: Problem) -> Broken {
        Broken { line: self.lines, problem }
    }
}
