//! The door through which outside text comes in.

use std::{borrow::Cow, fmt};

use mcp_errors::Result;
use serde_json::Value;

use crate::{Findings, edit, hidden, scan::Scanner, structure};

/// What an operator may add.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Regular expressions of the `regex` crate whose matches are redacted as `[redacted:configured]`. At most 64.
    pub redact_patterns: Vec<String>,
}

/// How much a text is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Outside text: made inert, everything met is reported.
    Clean,
    /// Outside text whose characters must stay as they are, such as SQL cells: everything met is only reported.
    Flag,
    /// Our own text: untouched.
    Trusted,
}

/// Makes outside text inert. Built once, shared by reference.
pub struct Sanitizer {
    scanner: Scanner,
}

impl Sanitizer {
    /// Builds the automaton.
    ///
    /// # Errors
    ///
    /// When a configured pattern is not a regular expression or is too large; the error names it by its index.
    pub fn new(options: &Options) -> Result<Self> {
        Ok(Self { scanner: Scanner::new(&options.redact_patterns)? })
    }

    /// `text` as `treatment` says, with what was met added to `findings`.
    ///
    /// Takes time linear in the text and allocates only when the text changes. Cleaning its own result changes nothing,
    /// configured patterns aside.
    pub fn text<'a>(
        &self,
        text: &'a str,
        treatment: Treatment,
        findings: &mut Findings,
    ) -> Cow<'a, str> {
        if treatment == Treatment::Trusted {
            return Cow::Borrowed(text);
        }
        // First what hides, so that nothing can be put together by taking it away.
        let visible = hidden::strip(text, findings);
        let edits = self.scanner.scan(&visible, findings);
        for edit in &edits {
            findings.add(edit.finding);
        }
        match treatment {
            Treatment::Clean if edits.is_empty() => visible,
            Treatment::Clean => Cow::Owned(edit::apply(&visible, &edits)),
            Treatment::Flag | Treatment::Trusted => Cow::Borrowed(text),
        }
    }

    /// Treats every string and every object key of `value`, to any depth.
    ///
    /// Keys that become equal are kept apart by a number.
    pub fn value(&self, value: &mut Value, treatment: Treatment, findings: &mut Findings) {
        if treatment != Treatment::Trusted {
            structure::clean(value, |text| match self.text(text, treatment, findings) {
                Cow::Owned(cleaned) => Some(cleaned),
                Cow::Borrowed(_) => None,
            });
        }
    }

    /// Whether `json` alone shows that [`Sanitizer::value`] would find nothing in what it says.
    ///
    /// One walk over the whole, and the text is there to be sent; `false` says only that each string has to be looked at.
    pub fn is_harmless_json(&self, json: &str) -> bool {
        // What JSON writes as an escape would be hidden from the walk.
        !json.contains('\\') && hidden::is_visible(json) && self.scanner.holds_nothing_in_json(json)
    }

    /// `text` without credentials and otherwise as it is: for logs and for recorded arguments.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let edits = self.scanner.secrets(text);
        if edits.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(edit::apply(text, &edits)) }
    }
}

impl fmt::Debug for Sanitizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sanitizer").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "sanitizer_tests.rs"]
mod tests;
