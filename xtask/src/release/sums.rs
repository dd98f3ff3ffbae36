//! `SHA256SUMS`, and its signature.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use aws_lc_rs::digest::{SHA256, digest};
use minisign::SecretKeyBox;

use crate::process::variable;

/// What `sha256sum --check` reads.
pub(super) const FILE: &str = "SHA256SUMS";

/// Its signature.
pub(super) const SIGNATURE: &str = "SHA256SUMS.minisig";

/// The password of a signing key; none for a key without.
const PASSWORD: &str = "MINISIGN_PASSWORD";

/// The SHA-256 of some bytes, in hexadecimal. In C, which is as fast in a development build as in any.
pub(super) fn of(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// The SHA-256 of each file.
pub(super) fn all(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    files.iter().map(|(name, bytes)| (name.clone(), of(bytes))).collect()
}

/// A line for each file, as coreutils write it.
pub(super) fn text(sums: &BTreeMap<String, String>) -> String {
    sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect::<Vec<_>>().concat()
}

/// Signs `SHA256SUMS` of a folder as minisign does: `minisign -Vm SHA256SUMS -P …`.
pub(super) fn sign(folder: &Path, key: &Path) -> Result<()> {
    let text = fs::read_to_string(key).with_context(|| format!("`{}`", key.display()))?;
    let key = SecretKeyBox::from_string(&text).context("expected a secret key of minisign")?;
    let key = match variable(PASSWORD) {
        Some(password) => key.into_secret_key(Some(password.to_string_lossy().into_owned())),
        None => key.into_unencrypted_secret_key(),
    };
    let key = key.with_context(|| format!("the key, with the password of {PASSWORD}"))?;
    let sums = fs::read(folder.join(FILE))?;
    let comment = format!("file:{FILE}");
    let signature = minisign::sign(None, &key, Cursor::new(sums), Some(&comment), Some(&comment))?;
    Ok(fs::write(folder.join(SIGNATURE), signature.into_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_as_coreutils_read_them() {
        let files =
            BTreeMap::from([("b".to_owned(), Vec::new()), ("a".to_owned(), b"abc".to_vec())]);
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b\n";
        assert_eq!(text(&all(&files)), expected);
    }
}
