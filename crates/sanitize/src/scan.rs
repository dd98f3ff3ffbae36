//! One walk over a text with one automaton: every marker, link and credential it holds, as edits.

use std::iter;

use aho_corasick::{
    Anchored, Input, MatchKind,
    automaton::{Automaton, OverlappingState, StateID},
    dfa::DFA,
};
use mcp_errors::{Error, Result};
use regex::{Regex, RegexBuilder};

use crate::{
    Finding, Findings, SecretKind,
    edit::{self, Edit},
    links::{self, Images, Link},
    markers::{self, Marker},
    phrases::{self, Phrase},
    secrets::{self, Rule},
};

/// Where a literal stands in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit<'t> {
    pub(crate) text: &'t str,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<'t> Hit<'t> {
    pub(crate) fn before(&self) -> &'t str {
        self.text.get(..self.start).unwrap_or_default()
    }

    pub(crate) fn matched(&self) -> &'t str {
        self.text.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn after(&self) -> &'t str {
        self.text.get(self.end..).unwrap_or_default()
    }
}

/// What a literal may be the beginning of.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Marker(Marker),
    Link(Link),
    Phrase(Phrase),
    Secret(Rule),
}

/// Every literal in one automaton, and the operator's own patterns.
pub(crate) struct Scanner {
    /// Of lower case alone, and so is what it reads: a table for both cases would be twice as large.
    automaton: DFA,
    start: StateID,
    meanings: Vec<Meaning>,
    configured: Vec<Regex>,
}

/// The compiled size that one configured pattern may have, in bytes.
const MAX_PATTERN_SIZE: usize = 256 * 1024;
const MAX_PATTERNS: usize = 64;

impl Scanner {
    pub(crate) fn new(redact_patterns: &[String]) -> Result<Self> {
        let (literals, meanings): (Vec<_>, Vec<_>) = literals().unzip();
        let automaton = DFA::builder()
            .match_kind(MatchKind::Standard)
            // What it looks for begins with most of the letters there are, so looking ahead for one would only cost.
            .prefilter(false)
            .build(literals)
            .map_err(Error::internal)?;
        let start = automaton.start_state(Anchored::No).map_err(Error::internal)?;
        Ok(Self { automaton, start, meanings, configured: compile(redact_patterns)? })
    }

    /// All that `text` holds, in order and without overlaps; phrases go to `findings` at once.
    pub(crate) fn scan(&self, text: &str, findings: &mut Findings) -> Vec<Edit> {
        if self.holds_nothing(text) {
            return Vec::new();
        }
        let mut images = Images::default();
        let mut redacted = 0..0;
        let mut edits = Vec::new();
        for (meaning, hit) in self.hits(text) {
            match meaning {
                Meaning::Marker(marker) => edits.extend(marker.edit(&hit)),
                Meaning::Link(link) => edits.extend(images.edit(link, &hit)),
                Meaning::Phrase(phrase) if phrase.is_met(&hit) => {
                    findings.add(Finding::InstructionPhrase);
                }
                Meaning::Phrase(_) => {}
                // A credential within another one is gone already; this also keeps the walk linear.
                Meaning::Secret(_) if redacted.contains(&hit.start) => {}
                Meaning::Secret(rule) => edits.extend(rule.edit(&hit).inspect(|edit| {
                    redacted = edit.range.clone();
                })),
            }
        }
        self.add_configured(text, &mut edits);
        edit::resolve(&mut edits);
        edits
    }

    /// Whether no literal stands in `text`. Most texts hold none, and to know that takes half of the walk that tells all.
    fn holds_nothing(&self, text: &str) -> bool {
        self.configured.is_empty() && !self.holds_literal(text)
    }

    /// Whether any literal stands in `text`. As fast as the table can be read, since every answer passes here.
    fn holds_literal(&self, text: &str) -> bool {
        let mut state = self.start;
        text.bytes().any(|byte| {
            state = self.automaton.next_state(Anchored::No, state, byte.to_ascii_lowercase());
            self.automaton.is_special(state) && self.automaton.is_match(state)
        })
    }

    /// Whether there is nothing to be found in any string of a JSON text that has no escapes.
    ///
    /// No literal has a character that JSON escapes. Of what a literal stands between, only that of an address is the same
    /// in the string and in the text around it, so any other literal makes each string worth a look of its own.
    pub(crate) fn holds_nothing_in_json(&self, json: &str) -> bool {
        let is_nothing = |(meaning, hit): (Meaning, Hit<'_>)| match meaning {
            Meaning::Secret(rule) => rule.ends_with_its_string() && rule.edit(&hit).is_none(),
            Meaning::Marker(_) | Meaning::Link(_) | Meaning::Phrase(_) => false,
        };
        self.holds_nothing(json) || self.configured.is_empty() && self.hits(json).all(is_nothing)
    }

    /// Only the credentials that `text` holds.
    pub(crate) fn secrets(&self, text: &str) -> Vec<Edit> {
        let mut edits = self.scan(text, &mut Findings::default());
        edits.retain(|edit| matches!(edit.finding, Finding::Secret(_)));
        edits
    }

    fn hits<'t>(&self, text: &'t str) -> impl Iterator<Item = (Meaning, Hit<'t>)> {
        let lower = text.to_ascii_lowercase();
        let mut state = OverlappingState::start();
        let found = iter::from_fn(move || {
            self.automaton.try_find_overlapping(&Input::new(&lower), &mut state).ok()?;
            state.get_match()
        });
        found.filter_map(move |found| {
            let meaning = self.meanings.get(found.pattern().as_usize())?;
            Some((*meaning, Hit { text, start: found.start(), end: found.end() }))
        })
    }

    fn add_configured(&self, text: &str, edits: &mut Vec<Edit>) {
        let finding = Finding::Secret(SecretKind::Configured);
        let found = self.configured.iter().flat_map(|pattern| pattern.find_iter(text));
        edits.extend(found.filter(|found| !found.is_empty()).map(|found| Edit {
            range: found.range(),
            with: SecretKind::Configured.mark(),
            finding,
        }));
    }
}

fn literals() -> impl Iterator<Item = (String, Meaning)> {
    let markers = markers::patterns().map(|(text, it)| (text.into_owned(), Meaning::Marker(it)));
    let links = links::PATTERNS.into_iter().map(|(text, it)| (text.to_owned(), Meaning::Link(it)));
    let phrases = phrases::patterns().map(|(text, it)| (text.to_owned(), Meaning::Phrase(it)));
    let secrets = secrets::patterns().map(|(text, it)| (text.to_owned(), Meaning::Secret(it)));
    let all = markers.chain(links).chain(phrases).chain(secrets);
    all.map(|(text, meaning)| (text.to_ascii_lowercase(), meaning))
}

fn compile(patterns: &[String]) -> Result<Vec<Regex>> {
    if patterns.len() > MAX_PATTERNS {
        return Err(Error::invalid("redact_patterns", format!("must be at most {MAX_PATTERNS}")));
    }
    let compiled = patterns.iter().enumerate().map(|(index, pattern)| {
        RegexBuilder::new(pattern).size_limit(MAX_PATTERN_SIZE).build().map_err(|cause| {
            let problem = "must be a regular expression of modest size, without look-around and back-references";
            Error::invalid(format!("redact_patterns[{index}]"), problem).with_source(cause)
        })
    });
    compiled.collect()
}

#[cfg(test)]
mod tests {
    use super::literals;

    #[test]
    fn no_literal_has_a_character_that_json_escapes() {
        for (literal, _) in literals() {
            let json = serde_json::to_string(&literal).unwrap();
            assert_eq!(json, format!("\"{literal}\""));
            assert!(!literal.is_empty(), "it would stand everywhere");
        }
    }
}
