//! Sealing: what a client keeps for us and gives back cannot be read, changed, or used for anything else.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_errors::{Error, Result};

/// The longest text that is opened, in bytes.
const MAX_SEALED: usize = 64 << 10;

/// The shortest secret that a key is made of, in bytes.
pub(crate) const MIN_SECRET: usize = 32;

/// Seals with one key, and opens with any: a key is replaced without a break.
///
/// Every random byte is the operating system's, by `rand`: aws-lc gathers entropy of its own for 40 ms before the first one of
/// each thread, which a start and the first question of every thread would wait for.
pub(crate) struct Sealer(Vec<LessSafeKey>);

impl Sealer {
    /// Keys made of secrets, the one that seals first.
    ///
    /// # Errors
    /// When there is no secret, or the library refuses a key.
    pub(crate) fn new(secrets: &[impl AsRef<[u8]>]) -> Result<Self> {
        let key = |secret: &[u8]| {
            // The label keeps this key apart from any other made of the same secret.
            let mut labelled = b"mcp-chassis request state v1\0".to_vec();
            labelled.extend(secret);
            let digest = digest::digest(&digest::SHA256, &labelled);
            UnboundKey::new(&AES_256_GCM, digest.as_ref())
                .map(LessSafeKey::new)
                .map_err(|_unspecified| Error::internal("a key was refused"))
        };
        let keys = secrets.iter().map(|secret| key(secret.as_ref())).collect::<Result<Vec<_>>>()?;
        if keys.is_empty() {
            Err(Error::internal("sealing needs a secret"))
        } else {
            Ok(Self(keys))
        }
    }

    /// A key that this process alone knows.
    ///
    /// # Errors
    /// When the library refuses the key.
    pub(crate) fn random() -> Result<Self> {
        let secret: [u8; MIN_SECRET] = rand::random();
        Self::new(&[secret])
    }

    /// Seals `text` so that it opens for the same `purpose` only.
    ///
    /// # Errors
    /// When the library fails.
    pub(crate) fn seal(&self, purpose: &str, text: &[u8]) -> Result<String> {
        let failed = || Error::internal("sealing failed");
        let key = self.0.first().ok_or_else(failed)?;
        let mut sealed = text.to_vec();
        // Of 96 random bits none is likely to come twice in the 2³² seals that one key is good for (NIST SP 800-38D, 8.3).
        let nonce: [u8; NONCE_LEN] = rand::random();
        let purpose = Aad::from(purpose.as_bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), purpose, &mut sealed)
            .map_err(|_unspecified| failed())?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What was sealed for `purpose`; `None` when it was not, or not by us.
    pub(crate) fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        if sealed.len() > MAX_SEALED {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        self.0.iter().find_map(|key| {
            let mut opened = sealed.to_vec();
            let purpose = Aad::from(purpose.as_bytes());
            let text =
                key.open_in_place(Nonce::assume_unique_for_key(*nonce), purpose, &mut opened);
            text.ok().map(|text| text.to_vec())
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.0.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Sealer;

    const OLD: &[u8] = b"an old secret of thirty-two bytes";
    const NEW: &[u8] = b"a new secret of thirty-two bytes!";

    fn sealer(secrets: &[&[u8]]) -> Sealer {
        Sealer::new(secrets).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_alone() {
        let sealer = Sealer::random().unwrap();
        let state = sealer.seal("close T-1", b"asked").unwrap();
        assert_eq!(sealer.open("close T-1", &state).as_deref(), Some(b"asked".as_slice()));
        assert_eq!(sealer.open("close T-2", &state), None);
        assert_ne!(state, sealer.seal("close T-1", b"asked").unwrap());
    }

    #[test]
    fn a_new_key_seals_and_the_old_one_still_opens() {
        let sealed = sealer(&[OLD]).seal("p", b"asked").unwrap();
        let rotated = sealer(&[NEW, OLD]);
        assert!(rotated.open("p", &sealed).is_some());
        assert!(sealer(&[OLD]).open("p", &rotated.seal("p", b"asked").unwrap()).is_none());
    }

    #[test]
    fn a_changed_text_does_not_open() {
        let sealer = sealer(&[OLD]);
        let state = sealer.seal("p", b"asked").unwrap();
        for changed in
            [format!("{state}-TAMPERED"), state.chars().skip(1).collect(), "A".repeat(100_000)]
        {
            assert_eq!(sealer.open("p", &changed), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_makes_up_opens(text in "[A-Za-z0-9_-]{0,200}") {
            prop_assert_eq!(sealer(&[OLD]).open("p", &text), None);
        }
    }
}
