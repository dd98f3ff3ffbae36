//! `audit verify`.

use std::{fs::File, io::BufReader, path::Path};

use mcp_telemetry::audit::{Verified, verify as check};

use super::{Failure, print};

pub(super) fn verify(file: &Path) -> Result<(), Failure> {
    let opened = File::open(file)
        .map_err(|error| Failure::config(format!("{}: {error}", file.display())))?;
    match check(BufReader::new(opened)) {
        Ok(verified) => print(told(&verified).as_bytes()),
        Err(broken) => Err(Failure::check(format!("{}: {broken}", file.display()))),
    }
}

fn told(verified: &Verified) -> String {
    let Verified { lines, recoveries, head, .. } = verified;
    format!("{lines} lines, {recoveries} recoveries; the chain is whole\nhead {head}\n")
}
