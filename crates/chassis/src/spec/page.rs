//! Where a page stands and what it is made of.

use super::{Draft, NeedsScopes, Spec, Trust};

/// The specification of a page: a document that shows a person what tools answer (MCP Apps, SEP-1865).
///
/// A tool names its page with [`crate::ToolSpec::shown_by`]; that is all it takes to offer it.
pub type PageSpec = Spec<PageKind>;

/// The part of a specification that only pages have.
#[derive(Clone, Copy, Debug)]
pub struct PageKind {
    pub(crate) uri: &'static str,
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) html: &'static str,
}

/// The longest page, in bytes: a host loads it whole before it shows anything.
const MAX_BYTES: usize = 150_000;

impl PageSpec {
    /// A page at `uri`, which begins with `ui://`. `html` is a document that needs nothing beside itself.
    ///
    /// # Panics
    /// When it is compiled, if the address is another or the page is longer than 150 kB.
    pub const fn page(
        uri: &'static str,
        name: &'static str,
        title: &'static str,
        html: &'static str,
    ) -> Draft<PageKind, NeedsScopes> {
        assert!(matches!(uri.as_bytes(), [b'u', b'i', b':', b'/', b'/', _, ..]), "`ui://…`");
        assert!(html.len() <= MAX_BYTES, "a page is at most 150 kB long");
        Draft::new(PageKind { uri, name, title, html })
    }

    /// Whether the pipeline passes the page as it is: cleaned or cut it would be no page any more.
    pub(super) const fn passes_whole(&self) -> bool {
        matches!(self.policy.trust, Trust::Own)
            && self.kind.html.len() <= self.policy.budget.bytes()
    }
}
