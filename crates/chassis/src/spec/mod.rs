//! Policies as values: a tool, resource or prompt without one does not compile.
//!
//! A specification is built in steps, each a type of its own. Only the last step yields a [`Spec`], so
//! that a forgotten scope, deadline or budget is a type error at the place where it was forgotten:
//!
//! ```
//! use mcp_chassis::{Budget, ToolSpec};
//!
//! const SPEC: ToolSpec = ToolSpec::write("close_ticket", "Close ticket")
//!     .scopes(&["tickets:write"])
//!     .deadline_secs(10)
//!     .output_budget(Budget::tokens(2_000));
//! ```

mod page;
mod prompt;
mod resource;
mod tool;

use std::{marker::PhantomData, time::Duration};

use mcp_auth::{Scope, ScopeSet};
use mcp_sanitize::Budget;

pub use page::{PageKind, PageSpec};
pub use prompt::{PromptKind, PromptSpec};
pub use resource::{ResourceKind, ResourceSpec};
pub use tool::{BecomesTask, SideEffect, ToolKind, ToolSpec};

/// A complete specification: what is offered, and the policy under which.
#[derive(Clone, Copy, Debug)]
pub struct Spec<Kind> {
    pub(crate) kind: Kind,
    pub(crate) policy: Policy,
}

/// What holds for every operation, whatever its kind.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub(crate) scopes: &'static [&'static str],
    pub(crate) deadline: Duration,
    pub(crate) budget: Budget,
    pub(crate) trust: Trust,
}

impl Policy {
    /// Every scope that a caller needs.
    pub fn scopes(&self) -> &'static [&'static str] {
        self.scopes
    }

    /// The longest that the operation may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The most that it may answer.
    pub fn budget(&self) -> Budget {
        self.budget
    }
}

/// Where the text of a result comes from, and so how far it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Written by somebody else: cleaned, flagged and wrapped. The default.
    Outside {
        /// Labels for the provenance; the server's own name when empty.
        sources: &'static [&'static str],
    },
    /// Written by somebody else, in characters that must stay as they are, such as cells of a table: flagged
    /// and wrapped, not cleaned.
    Flagged {
        /// Labels for the provenance; the server's own name when empty.
        sources: &'static [&'static str],
    },
    /// Written by us: passed as it is.
    Own,
}

/// The step at which the scopes are missing.
#[derive(Clone, Copy, Debug)]
pub struct NeedsScopes;
/// The step at which the deadline is missing.
#[derive(Clone, Copy, Debug)]
pub struct NeedsDeadline;
/// The step at which the output budget is missing.
#[derive(Clone, Copy, Debug)]
pub struct NeedsBudget;

/// A specification that is not complete: `Step` names what comes next.
#[derive(Clone, Copy, Debug)]
pub struct Draft<Kind, Step> {
    spec: Spec<Kind>,
    step: PhantomData<Step>,
}

impl<Kind: Copy, Step: Copy> Draft<Kind, Step> {
    const fn next<Next>(self, policy: Policy) -> Draft<Kind, Next> {
        Draft { spec: Spec { kind: self.spec.kind, policy }, step: PhantomData }
    }
}

impl<Kind: Copy> Draft<Kind, NeedsScopes> {
    pub(crate) const fn new(kind: Kind) -> Self {
        let policy = Policy {
            scopes: &[],
            deadline: Duration::ZERO,
            budget: Budget::tokens(0),
            trust: Trust::Outside { sources: &[] },
        };
        Self { spec: Spec { kind, policy }, step: PhantomData }
    }

    /// Every scope that a caller needs; at least one.
    ///
    /// # Panics
    /// When it is compiled, if there is none or one is not a scope.
    pub const fn scopes(self, scopes: &'static [&'static str]) -> Draft<Kind, NeedsDeadline> {
        assert!(!scopes.is_empty(), "an operation needs at least one scope");
        assert!(
            are_scopes(scopes),
            "a scope is visible ASCII without quotes (RFC 6749 section 3.3)"
        );
        self.next(Policy { scopes, ..self.spec.policy })
    }
}

impl<Kind: Copy> Draft<Kind, NeedsDeadline> {
    /// The longest that the operation may take, in seconds; a deployment may shorten it.
    ///
    /// # Panics
    /// When it is compiled, if it is zero.
    pub const fn deadline_secs(self, seconds: u64) -> Draft<Kind, NeedsBudget> {
        assert!(seconds > 0, "a deadline of nothing lets nothing through");
        self.next(Policy { deadline: Duration::from_secs(seconds), ..self.spec.policy })
    }
}

impl<Kind: Copy> Draft<Kind, NeedsBudget> {
    /// The most that the operation may answer; what is over is cut by whole items.
    ///
    /// # Panics
    /// When it is compiled, if it is zero.
    pub const fn output_budget(self, budget: Budget) -> Spec<Kind> {
        assert!(budget.bytes() > 0, "a budget of nothing lets nothing through");
        Spec { kind: self.spec.kind, policy: Policy { budget, ..self.spec.policy } }
    }
}

impl<Kind: Copy> Spec<Kind> {
    /// Names where the text of the result comes from, for its provenance. Without it the server is named.
    #[must_use]
    pub const fn outside_text(self, sources: &'static [&'static str]) -> Self {
        let trust = Trust::Outside { sources };
        Self { kind: self.kind, policy: Policy { trust, ..self.policy } }
    }

    /// Names where the text of the result comes from, and declares that it must keep its characters: what is
    /// met in it is only reported. For data whose exact value is the answer.
    #[must_use]
    pub const fn flagged_text(self, sources: &'static [&'static str]) -> Self {
        let trust = Trust::Flagged { sources };
        Self { kind: self.kind, policy: Policy { trust, ..self.policy } }
    }

    /// Declares that nobody outside wrote any text of the result, so that it passes as it is.
    #[must_use]
    pub const fn own_text(self) -> Self {
        Self { kind: self.kind, policy: Policy { trust: Trust::Own, ..self.policy } }
    }
}

/// The scopes of a specification as a set.
pub(crate) fn scope_set(names: &[&'static str]) -> ScopeSet {
    // None is lost: the specification did not compile with a name that is no scope.
    names.iter().filter_map(|name| name.parse::<Scope>().ok()).collect()
}

#[expect(clippy::indexing_slicing, reason = "const: bounded by the loop conditions")]
const fn are_scopes(names: &[&str]) -> bool {
    let mut at = 0;
    while at < names.len() {
        let name = names[at].as_bytes();
        let mut byte = 0;
        while byte < name.len() {
            if !matches!(name[byte], 0x21 | 0x23..=0x5b | 0x5d..=0x7e) {
                return false;
            }
            byte += 1;
        }
        if name.is_empty() {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether `name` is a name that every client accepts: `verb_noun`, `a-b`, at most 64 characters.
pub(crate) const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // `get` is not const yet, and the loop condition bounds the index.
        #[expect(clippy::indexing_slicing, reason = "bounded by the loop condition")]
        let byte = bytes[at];
        if !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-') {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 64
}
