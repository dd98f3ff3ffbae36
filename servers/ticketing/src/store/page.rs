//! Pages by keyset, and the cursors that continue them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest, Sha256};

use super::{Result, StoreError};

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub(crate) struct PageRequest {
    /// At most so many items; at least 1 and at most 100 are taken whatever is asked.
    pub(crate) limit: u32,
    /// Where an earlier page ended, in the store's own words.
    pub(crate) cursor: Option<String>,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub(crate) struct Page<T> {
    /// The items in the order of the list.
    pub(crate) items: Vec<T>,
    /// For each item the cursor of a page that begins behind it, for a caller that keeps fewer items.
    pub(crate) cursors: Vec<String>,
    /// The cursor of the next page, when there is more.
    pub(crate) next_cursor: Option<String>,
    /// Whether there is more.
    pub(crate) truncated: bool,
}

/// One list that is walked page by page: the query with everything that decides which items it holds.
///
/// A cursor is a version, a position and a digest over both and the query, always of the same length.
/// So it needs no state and serves on every replica, and it is refused when it was changed or belongs
/// to another query. The digest is no secret: whoever computes one reads nothing that the query does
/// not give.
pub(super) struct Walk(Sha256);

const VERSION: u8 = 1;
const POSITION: usize = size_of::<i64>();
const DIGEST: usize = 12;
const CURSOR: usize = 1 + POSITION + DIGEST;

impl Walk {
    pub(super) const MAX_LIMIT: u32 = 100;

    /// A walk over the list that `parts` name; an absent part differs from an empty one.
    pub(super) fn new(parts: &[Option<&str>]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            // The length in front keeps ["ab", "c"] and ["a", "bc"] apart.
            digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
            digest.update(part.unwrap_or_default());
        }
        Self(digest)
    }

    /// How many rows to fetch: one more than wanted tells whether there is a next page.
    pub(super) fn rows(page: &PageRequest) -> i64 {
        i64::from(Self::limit(page)) + 1
    }

    /// The position behind which `page` begins.
    pub(super) fn position(&self, page: &PageRequest) -> Result<Option<i64>> {
        let Some(cursor) = &page.cursor else { return Ok(None) };
        let refused = StoreError::Invalid {
            field: "cursor",
            problem: "must be a `next_cursor` of the same query, leave it out to begin anew",
        };
        let mut bytes = [0; CURSOR];
        let position = match BASE64.decode_slice(cursor, &mut bytes) {
            Ok(CURSOR) => bytes.get(1..=POSITION).and_then(|position| position.try_into().ok()),
            _ => None,
        }
        .map(i64::from_be_bytes);
        // Comparing the whole cursor checks version, position, digest and the encoding's spare bits.
        match position {
            Some(position) if self.cursor(position) == *cursor => Ok(Some(position)),
            _ => Err(refused),
        }
    }

    /// The page that `rows` hold, of which there may be one too many.
    pub(super) fn page<T>(
        &self,
        mut items: Vec<T>,
        request: &PageRequest,
        position: impl Fn(&T) -> i64,
    ) -> Page<T> {
        let limit = Self::limit(request) as usize;
        let truncated = items.len() > limit;
        items.truncate(limit);
        let cursors: Vec<String> = items.iter().map(|item| self.cursor(position(item))).collect();
        let next_cursor = cursors.last().filter(|_| truncated).cloned();
        Page { items, cursors, next_cursor, truncated }
    }

    fn limit(page: &PageRequest) -> u32 {
        page.limit.clamp(1, Self::MAX_LIMIT)
    }

    fn cursor(&self, position: i64) -> String {
        let position = position.to_be_bytes();
        let digest = self.0.clone().chain_update([VERSION]).chain_update(position).finalize();
        let bytes: Vec<u8> =
            [VERSION].into_iter().chain(position).chain(digest.into_iter().take(DIGEST)).collect();
        BASE64.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_the_cursor_of_its_question_or_none(text in "[A-Za-z0-9_-]{28}|\\PC{0,60}", position: i64) {
            let (walk, other) = (Walk::new(&[Some("a"), None]), Walk::new(&[Some("a"), Some("")]));
            prop_assert!(walk.position(&request(&text)).is_err());
            prop_assert_eq!(walk.position(&request(&walk.cursor(position))).unwrap(), Some(position));
            prop_assert!(other.position(&request(&walk.cursor(position))).is_err());
        }
    }

    fn request(cursor: &str) -> PageRequest {
        PageRequest { limit: 10, cursor: Some(cursor.to_owned()) }
    }

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let walk = Walk::new(&[Some("newest")]);
        for position in [0, 1, 42, i64::MAX, -1] {
            let found = walk.position(&request(&walk.cursor(position))).unwrap();
            assert_eq!(found, Some(position));
        }
    }

    #[test]
    fn every_changed_character_of_a_cursor_is_noticed() {
        let walk = Walk::new(&[Some("newest")]);
        let cursor = walk.cursor(42);
        for at in 0..cursor.len() {
            for other in ["A", "B", "_", "=", "é", "\0"] {
                let mut changed = cursor.clone();
                changed.replace_range(at..=at, other);
                if changed != cursor {
                    walk.position(&request(&changed)).unwrap_err();
                }
            }
            walk.position(&request(cursor.get(..at).unwrap())).unwrap_err();
        }
        walk.position(&request(&cursor.repeat(100_000))).unwrap_err();
    }

    #[test]
    fn a_cursor_of_another_query_is_refused() {
        let queries = [
            vec![Some("ab"), Some("c")],
            vec![Some("a"), Some("bc")],
            vec![Some("ab"), Some("c"), None],
            vec![Some("ab"), Some("c"), Some("")],
        ];
        for (index, query) in queries.iter().enumerate() {
            let cursor = Walk::new(query).cursor(1);
            for (other_index, other) in queries.iter().enumerate() {
                let found = Walk::new(other).position(&request(&cursor));
                assert_eq!(found.is_ok(), index == other_index);
            }
        }
    }
}
