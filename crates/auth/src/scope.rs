//! Scopes: what a caller may do, as OAuth writes it (RFC 6749 §3.3).

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Serialize, Serializer};

use crate::ConfigError;

/// Longest name of one scope, in bytes.
const MAX_SCOPE_BYTES: usize = 256;
/// Longest list, in bytes: what fits a token of the largest size accepted.
const MAX_LIST_BYTES: usize = 16 * 1024;
/// Most scopes in one list.
const MAX_SCOPES: usize = 512;

/// One scope, such as `tickets:write`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<str>);

impl Scope {
    /// The name of the scope.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let accepted = (1..=MAX_SCOPE_BYTES).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if accepted { Ok(Self(text.into())) } else { Err(ConfigError::Scope) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A set of scopes: ordered, without duplicates, cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Arc<[Scope]>);

impl ScopeSet {
    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|held| held.as_str().cmp(scope)).is_ok()
    }

    /// Whether every one of `scopes` is in the set.
    pub fn contains_all<'a>(&self, scopes: impl IntoIterator<Item = &'a str>) -> bool {
        scopes.into_iter().all(|scope| self.contains(scope))
    }

    /// The scopes of both sets.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).cloned().collect()
    }

    /// The scopes in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into())
    }
}

/// Reads a list separated by spaces; the empty list is accepted.
impl FromStr for ScopeSet {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || text.split_ascii_whitespace();
        if text.len() > MAX_LIST_BYTES || names().take(MAX_SCOPES + 1).count() > MAX_SCOPES {
            return Err(ConfigError::ScopeList);
        }
        names().map(str::parse).collect()
    }
}

/// The list separated by spaces, in order.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { " " };
            write!(f, "{separator}{scope}")?;
        }
        Ok(())
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::ScopeSet;

    #[test]
    fn a_list_is_ordered_and_without_duplicates() {
        let scopes: ScopeSet = "tickets:write  tickets:read tickets:write".parse().unwrap();
        assert_eq!(scopes.to_string(), "tickets:read tickets:write");
        assert!(scopes.contains("tickets:read") && !scopes.contains("tickets"));
        assert!(scopes.contains_all(["tickets:read", "tickets:write"]));
        assert!(!scopes.contains_all(["tickets:read", "admin"]));
    }

    #[test]
    fn a_scope_outside_the_charset_of_oauth_is_refused() {
        for list in ["a\"b", "a\\b", "caf\u{e9}", "a\u{0}b", "a\u{7f}"] {
            assert!(list.parse::<ScopeSet>().is_err(), "{list:?}");
        }
    }

    #[test]
    fn a_list_has_a_largest_size() {
        assert!("a".repeat(257).parse::<ScopeSet>().is_err());
        assert!("a ".repeat(9_000).parse::<ScopeSet>().is_err());
        let many: Vec<String> = (0..513).map(|number| number.to_string()).collect();
        assert!(many.join(" ").parse::<ScopeSet>().is_err());
    }

    #[test]
    fn the_union_holds_what_either_set_holds() {
        let read: ScopeSet = "b a".parse().unwrap();
        let write: ScopeSet = "c a".parse().unwrap();
        assert_eq!(read.union(&write).to_string(), "a b c");
    }
}
