//! What `verify` needs of memory, whatever the length of the chain.

use std::io::{self, Read};

use mcp_telemetry::audit::verify;
use sha2::{Digest, Sha256};

/// A chain of many lines, written as it is read.
struct Chain {
    seq: u64,
    prev: String,
    line: Vec<u8>,
    read: usize,
    left: usize,
}

impl Chain {
    fn of(bytes: usize) -> Self {
        Self { seq: 0, prev: "0".repeat(64), line: Vec::new(), read: 0, left: bytes }
    }

    fn next_line(&mut self) {
        self.seq += 1;
        let (seq, prev, fields) = (self.seq, &self.prev, "x".repeat(2000));
        let covered =
            format!(r#"{{"seq":{seq},"prev":"{prev}","event":"call","fields":"{fields}""#);
        self.prev = hex::encode(Sha256::digest(covered.as_bytes()));
        self.line = format!("{covered},\"hash\":\"{}\"}}\n", self.prev).into_bytes();
        self.read = 0;
        self.left = self.left.saturating_sub(self.line.len());
    }
}

impl Read for Chain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.read == self.line.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.next_line();
        }
        let rest = self.line.get(self.read..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}

/// The most memory that this process has had at once, in KiB (proc(5)).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_chain_of_any_length_is_verified_in_the_same_memory() {
    assert_eq!(verify(Chain::of(100_000)).unwrap().seq, 46);
    let before = peak();
    let verified = verify(Chain::of(12 << 20)).unwrap();
    assert!(verified.lines > 5_000, "{verified:?}");
    let grown = peak() - before;
    assert!(grown < 2_048, "12 MiB took {grown} KiB");
}
