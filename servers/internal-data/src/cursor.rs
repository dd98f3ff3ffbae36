//! Where a page of records begins, as an opaque text that belongs to one question.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use mcp_chassis::{Error, Result};
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;
const OFFSET: usize = size_of::<u32>();
const DIGEST: usize = 12;
const CURSOR: usize = 1 + OFFSET + DIGEST;

/// The cursors of one question: an offset and a digest over it and the question.
///
/// So they need no state and serve on every replica, and one of another question is refused. The digest is no secret:
/// whoever computes one reads nothing that the question does not give.
pub(crate) struct Cursors(Sha256);

impl Cursors {
    /// The cursors of the question that `parts` are; an absent part differs from an empty one.
    pub(crate) fn of(parts: &[Option<&str>]) -> Self {
        let mut digest = Sha256::new_with_prefix([VERSION]);
        for part in parts {
            // The length in front keeps ["ab", "c"] and ["a", "bc"] apart.
            digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
            digest.update(part.unwrap_or_default());
        }
        Self(digest)
    }

    /// The cursor of the page that begins at `offset`.
    pub(crate) fn at(&self, offset: u32) -> String {
        let offset = offset.to_be_bytes();
        let digest = self.0.clone().chain_update(offset).finalize();
        let bytes = [VERSION].into_iter().chain(offset).chain(digest.into_iter().take(DIGEST));
        BASE64.encode(bytes.collect::<Vec<_>>())
    }

    /// Where the page of `cursor` begins.
    ///
    /// # Errors
    /// When it was changed, or belongs to another question.
    pub(crate) fn offset(&self, cursor: &str) -> Result<u32> {
        let mut bytes = [0; CURSOR];
        let offset = match BASE64.decode_slice(cursor, &mut bytes) {
            Ok(CURSOR) => bytes.get(1..=OFFSET).and_then(|offset| offset.try_into().ok()),
            _ => None,
        };
        // Comparing the whole cursor checks version, offset, digest and the encoding's spare bits.
        let offset = offset.map(u32::from_be_bytes).filter(|offset| self.at(*offset) == cursor);
        let expected = "must be the `next_cursor` of the same question, leave it out to begin anew";
        offset.ok_or_else(|| Error::invalid("cursor", expected))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_the_cursor_of_its_question_or_none(text in "[A-Za-z0-9_-]{22,24}|\\PC{0,60}", offset: u32) {
            let (cursors, other) = (Cursors::of(&[Some("a"), None]), Cursors::of(&[Some("b"), None]));
            prop_assert!(cursors.offset(&text).is_err());
            prop_assert_eq!(cursors.offset(&cursors.at(offset)).unwrap(), offset);
            prop_assert!(other.offset(&cursors.at(offset)).is_err());
        }
    }

    #[test]
    fn a_cursor_leads_back_to_its_offset() {
        let cursors = Cursors::of(&[Some("users"), None]);
        for offset in [0, 1, 42, u32::MAX] {
            assert_eq!(cursors.offset(&cursors.at(offset)).unwrap(), offset);
        }
    }

    #[test]
    fn a_cursor_of_another_question_or_a_changed_one_is_refused() {
        let cursors = Cursors::of(&[Some("users"), None]);
        let others =
            [vec![Some("user"), Some("s")], vec![Some("users"), Some("")], vec![Some("users")]];
        for other in &others {
            assert!(cursors.offset(&Cursors::of(other).at(7)).is_err(), "{other:?}");
        }
        let cursor = cursors.at(7);
        for at in 0..cursor.len() {
            for other in ["A", "B", "_", "é"] {
                let mut changed = cursor.clone();
                changed.replace_range(at..=at, other);
                let is_same = changed == cursor;
                assert_eq!(cursors.offset(&changed).is_ok(), is_same, "{changed}");
            }
            assert!(cursors.offset(cursor.get(..at).unwrap()).is_err());
        }
        assert!(cursors.offset(&cursor.repeat(100_000)).is_err());
    }
}
