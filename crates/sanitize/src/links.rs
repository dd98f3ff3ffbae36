//! Markdown images and links that would carry data to a foreign host as soon as they are shown or clicked.
//!
//! Brackets are not matched, since code spans and escapes would let a text disagree with its renderer about which
//! belong together. What decides is the destination (`](` or `]:` before an absolute URL) and whether an image opens
//! before it in the same paragraph; in doubt it is an image.

use crate::{Finding, edit::Edit, scan::Hit};

/// What the match is a part of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    /// `![` opens an image.
    Image,
    /// `](` comes before an inline destination.
    Inline,
    /// `]:` comes before the destination that references share.
    Definition,
}

pub(crate) const PATTERNS: [(&str, Link); 3] =
    [("![", Link::Image), ("](", Link::Inline), ("]:", Link::Definition)];

/// What the walk remembers about images.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// Where the last image opened, or up to where its paragraph is known to go on.
    open_since: Option<usize>,
    /// Whether the text has an image at all, once someone asked.
    anywhere: Option<bool>,
}

impl Images {
    /// The edit that makes the link or image inert, if it is one to make so.
    pub(crate) fn edit(&mut self, link: Link, hit: &Hit<'_>) -> Option<Edit> {
        let destination = hit.after().trim_start_matches([' ', '\t', '\n']);
        match link {
            Link::Image => {
                self.open_since = Some(hit.end);
                None
            }
            Link::Inline if is_foreign(destination) && self.in_paragraph(hit) => {
                Some(escape_last(hit, "\\(", Finding::ForeignImage))
            }
            Link::Inline if carries_data(destination) => {
                Some(escape_last(hit, "\\(", Finding::LinkWithData))
            }
            Link::Definition if is_foreign(destination) && self.in_text(hit) => {
                Some(escape_last(hit, "\\:", Finding::ForeignImage))
            }
            Link::Inline | Link::Definition => None,
        }
    }

    fn in_paragraph(&mut self, hit: &Hit<'_>) -> bool {
        let ended = self
            .open_since
            .and_then(|since| hit.text.get(since..hit.start))
            .is_none_or(|between| between.contains("\n\n"));
        self.open_since = if ended { None } else { Some(hit.start) };
        !ended
    }

    fn in_text(&mut self, hit: &Hit<'_>) -> bool {
        *self.anywhere.get_or_insert_with(|| hit.text.contains("!["))
    }
}

fn escape_last(hit: &Hit<'_>, with: &'static str, finding: Finding) -> Edit {
    Edit { range: hit.end - 1..hit.end, with, finding }
}

/// Whether a destination may leave the host: only a plain first segment is relative (RFC 3986 §4.2), and an escape
/// or an entity in it may hide a scheme.
fn is_foreign(destination: &str) -> bool {
    if ["//", "/\\", "/\t"].iter().any(|lead| destination.starts_with(lead)) {
        return true;
    }
    let decides = |c: char| {
        c.is_ascii_whitespace()
            || matches!(c, '/' | '?' | '#' | '(' | ')' | '>' | '[' | ']' | ':' | '&' | '\\' | '<')
    };
    let rest = destination.find(decides).and_then(|at| destination.get(at..)).unwrap_or_default();
    // What replaces a credential says nothing about where the destination leads.
    let is_redacted = ["[redacted:", "\\[redacted:"].iter().any(|mark| rest.starts_with(mark));
    rest.starts_with([':', '&', '\\', '<', '[']) && !is_redacted
}

fn carries_data(destination: &str) -> bool {
    let destination = destination.strip_prefix('<').unwrap_or(destination);
    let leads_out = ["http:", "https:", "//"].iter().any(|lead| {
        destination.get(..lead.len()).is_some_and(|start| start.eq_ignore_ascii_case(lead))
    });
    let end = |c: char| c.is_ascii_whitespace() || matches!(c, ')' | '>' | ']');
    leads_out && destination.split(end).next().is_some_and(|url| url.contains('?'))
}
