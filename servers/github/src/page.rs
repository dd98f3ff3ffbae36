//! Parts of lists and texts, and the cursors that continue them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use mcp_chassis::{Error, PageCut, RawText, Result, TextStart};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// One list or text that is walked part by part: everything that decides what it holds.
///
/// A cursor is a version, a position and a digest over both and the question, always of the same length. So it needs no
/// state, serves on every replica, and is refused when it was changed or belongs to another question.
#[derive(Clone, Debug)]
pub(crate) struct Walk(Sha256);

const VERSION: u8 = 1;
const POSITION: usize = size_of::<u64>();
const DIGEST: usize = 12;
const CURSOR: usize = 1 + POSITION + DIGEST;

/// No list is walked beyond.
const LAST: u64 = 1 << 32;

impl Walk {
    pub(crate) fn new<P: AsRef<str>>(parts: &[P]) -> Self {
        let mut digest = Sha256::new();
        for part in parts.iter().map(AsRef::as_ref) {
            // The length in front keeps ["ab", "c"] and ["a", "bc"] apart.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest)
    }

    /// The position that `cursor` names; the beginning without one.
    ///
    /// # Errors
    /// For what is no cursor of this walk.
    pub(crate) fn position(&self, cursor: Option<&str>) -> Result<u64> {
        let Some(cursor) = cursor else { return Ok(0) };
        let mut bytes = [0; CURSOR];
        let position = match BASE64.decode_slice(cursor, &mut bytes) {
            Ok(CURSOR) => bytes.get(1..=POSITION).and_then(|position| position.try_into().ok()),
            _ => None,
        };
        // Comparing the whole cursor checks version, position, digest and the encoding's spare bits.
        match position.map(u64::from_be_bytes) {
            Some(position) if self.cursor(position) == *cursor => Ok(position),
            _ => Err(foreign()),
        }
    }

    pub(crate) fn cursor(&self, position: u64) -> String {
        let position = position.to_be_bytes();
        let digest = self.0.clone().chain_update([VERSION]).chain_update(position).finalize();
        let bytes = [VERSION].into_iter().chain(position).chain(digest.into_iter().take(DIGEST));
        BASE64.encode(bytes.collect::<Vec<u8>>())
    }
}

fn foreign() -> Error {
    Error::invalid(
        "cursor",
        "must be a `next_cursor` of the same question, leave it out to begin anew",
    )
}

/// Where in a text, or in a list that comes whole, a part begins. Both may change while they are walked.
#[derive(Debug)]
pub(crate) struct TextPlace {
    walk: Walk,
    /// The version that was walked so far, and where in it.
    from: Option<(u32, usize)>,
}

impl TextPlace {
    /// The place that `cursor` names in the text that `parts` decide.
    ///
    /// # Errors
    /// For what is no cursor of that text.
    pub(crate) fn new<P: AsRef<str>>(parts: &[P], cursor: Option<&str>) -> Result<Self> {
        let walk = Walk::new(parts);
        let position = walk.position(cursor)?.to_be_bytes();
        let [a, b, c, d, rest @ ..] = position;
        let at = usize::try_from(u32::from_be_bytes(rest)).unwrap_or(usize::MAX);
        let from = cursor.map(|_| (u32::from_be_bytes([a, b, c, d]), at));
        Ok(Self { walk, from })
    }

    /// Where to go on in `content`; nothing at the beginning.
    ///
    /// # Errors
    /// [`mcp_chassis::ErrorKind::Conflict`] when it is no longer what was walked so far.
    pub(crate) fn start(&self, content: &[u8]) -> Result<Option<usize>> {
        match self.from {
            Some((walked, _)) if walked != version(content) => {
                Err(Error::conflict("it has changed meanwhile, begin anew without `cursor`"))
            }
            from => Ok(from.map(|(_, at)| at)),
        }
    }

    /// What makes the cursors of `content`.
    pub(crate) fn cursors(&self, content: &[u8]) -> impl Fn(usize) -> String + Send + 'static {
        let (walk, version) = (self.walk.clone(), u64::from(version(content)) << 32);
        move |at| walk.cursor(version | u64::from(u32::try_from(at).unwrap_or(u32::MAX)))
    }

    /// `content` as a text of which this place's page is shown; without a cursor it begins at `first`.
    ///
    /// # Errors
    /// As [`TextPlace::start`].
    pub(crate) fn text(&self, content: &[u8], first: TextStart) -> Result<RawText> {
        let start = self.start(content)?.map_or(first, TextStart::Byte);
        let cursor = Box::new(self.cursors(content));
        Ok(RawText { text: String::from_utf8_lossy(content).into_owned(), start, cursor })
    }
}

fn version(content: &[u8]) -> u32 {
    Sha256::digest(content).first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// Where in a list of GitHub's a part begins: its pages are numbered and of one size.
#[derive(Debug)]
pub(crate) struct PageStart {
    walk: Walk,
    limit: u32,
    position: u64,
}

impl PageStart {
    /// The place that `cursor` names in the list that `parts` decide.
    ///
    /// # Errors
    /// For what is no cursor of that list.
    pub(crate) fn new<P: AsRef<str>>(
        parts: &[P],
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Self> {
        let size = limit.to_string();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).chain([size.as_str()]).collect();
        let walk = Walk::new(&parts);
        let position = walk.position(cursor)?;
        if position > LAST { Err(foreign()) } else { Ok(Self { walk, limit, position }) }
    }

    /// GitHub's parameter `per_page`.
    pub(crate) fn per_page(&self) -> String {
        self.limit.to_string()
    }

    /// GitHub's parameter `page`.
    pub(crate) fn number(&self) -> String {
        (self.position / u64::from(self.limit) + 1).to_string()
    }

    /// What is left of the page that holds `items`.
    pub(crate) fn page<T>(&self, items: Vec<T>, has_next: bool) -> Page<T> {
        let limit = u64::from(self.limit);
        let first = self.position - self.position % limit;
        let skipped = usize::try_from(self.position % limit).unwrap_or(usize::MAX);
        let numbered = items.into_iter().zip(first + 1..).skip(skipped);
        let items = numbered.map(|(item, end)| (item, self.walk.cursor(end))).collect();
        let next_cursor = has_next.then(|| self.walk.cursor(first + limit));
        Page { items, next_cursor }
    }
}

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// Each with the cursor of a part that begins behind it.
    items: Vec<(T, String)>,
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn items(&self) -> impl Iterator<Item = &T> {
        self.items.iter().map(|(item, _)| item)
    }

    /// Leaves out what `keep` does not want, and says how much that was.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) -> usize {
        let before = self.items.len();
        self.items.retain(|(item, _)| keep(item));
        before - self.items.len()
    }

    pub(crate) fn split<U: From<T>>(self) -> (Vec<U>, More) {
        let (items, cursors) = self.items.into_iter().map(|(item, end)| (item.into(), end)).unzip();
        (
            items,
            More { truncated: self.next_cursor.is_some(), next_cursor: self.next_cursor, cursors },
        )
    }
}

/// Whether there is more, and where.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct More {
    /// Pass it as `cursor` to go on
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Whether there is more
    truncated: bool,
    #[serde(skip)]
    cursors: Vec<String>,
}

impl More {
    /// How the list of this name may be cut.
    pub(crate) fn cut(&self, list: &'static str) -> PageCut {
        PageCut { list, cursors: self.cursors.clone(), count: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_the_cursor_of_its_question_or_none(text in "[A-Za-z0-9_-]{28}|\\PC{0,60}", position: u64) {
            let (walk, other) = (Walk::new(&["a", "bc"]), Walk::new(&["ab", "c"]));
            prop_assert!(walk.position(Some(&text)).is_err());
            prop_assert_eq!(walk.position(Some(&walk.cursor(position))).unwrap(), position);
            prop_assert!(other.position(Some(&walk.cursor(position))).is_err());
        }
    }

    #[test]
    fn a_cursor_leads_back_to_its_position_and_to_no_other_list() {
        let walk = Walk::new(&["issues", "octocat"]);
        for position in [0, 1, 42, u64::MAX] {
            assert_eq!(walk.position(Some(&walk.cursor(position))).unwrap(), position);
        }
        for other in [&["issues", "octocats"][..], &["issuesoctocat"], &["issue", "soctocat"], &[]]
        {
            assert!(Walk::new(other).position(Some(&walk.cursor(1))).is_err(), "{other:?}");
        }
    }

    #[test]
    fn every_changed_character_of_a_cursor_is_noticed() {
        let walk = Walk::new(&["issues"]);
        let cursor = walk.cursor(42);
        for at in 0..cursor.len() {
            for other in ["A", "B", "_", "=", "é", "\0"] {
                let mut changed = cursor.clone();
                changed.replace_range(at..=at, other);
                assert!(changed == cursor || walk.position(Some(&changed)).is_err());
            }
            assert!(walk.position(cursor.get(..at)).is_err());
        }
        assert!(walk.position(Some(&cursor.repeat(10_000))).is_err());
    }

    #[test]
    fn a_text_that_has_changed_is_not_gone_on_with() {
        let begin = TextPlace::new(&["file"], None).unwrap();
        assert_eq!(begin.start(b"old").unwrap(), None);
        let cursor = begin.cursors(b"old")(2);
        let place = TextPlace::new(&["file"], Some(&cursor)).unwrap();
        assert_eq!(place.start(b"old").unwrap(), Some(2));
        assert_eq!(place.start(b"new").unwrap_err().kind().code(), "conflict");
    }

    #[test]
    fn a_list_is_not_walked_for_ever() {
        let cursor = Walk::new(&["x", "3"]).cursor(LAST + 1);
        assert!(PageStart::new(&["x"], 3, Some(&cursor)).is_err());
    }

    #[test]
    fn a_list_goes_on_behind_any_of_its_items() {
        let start = |cursor: Option<&str>| PageStart::new(&["x"], 3, cursor).unwrap();
        let (first, more): (Vec<u32>, _) = start(None).page(vec![1_u32, 2, 3], true).split();
        assert_eq!((first, more.truncated), (vec![1, 2, 3], true));
        let second = start(more.cursors.get(1).map(String::as_str));
        assert_eq!((second.number().as_str(), second.per_page().as_str()), ("1", "3"));
        let (rest, more): (Vec<u32>, _) = second.page(vec![1_u32, 2, 3], true).split();
        assert_eq!(rest, [3]);
        let third = start(more.next_cursor.as_deref());
        assert_eq!(third.number(), "2");
        let (last, more): (Vec<u32>, _) = third.page(vec![4_u32], false).split();
        assert_eq!((last, more.truncated, more.next_cursor), (vec![4], false, None));
    }
}
