//! Why a statement is not run.

use std::{borrow::Cow, fmt};

use mcp_errors::{Classify, ErrorKind, FieldFault};
use serde_json::{Value, json};

/// A statement that is not run, with the reason in PostgreSQL's terms. It names constructs, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", Place { sqlstate, position: *position, hint })]
pub(crate) struct Refusal {
    /// The five characters that PostgreSQL would use (Appendix A of its manual).
    sqlstate: &'static str,
    message: Cow<'static, str>,
    hint: &'static str,
    /// Byte offset in the text.
    at: Option<usize>,
    /// Character of the text, from 1, once the text is known.
    position: Option<usize>,
}

/// What stands behind PostgreSQL's message, or ours: ` (SQLSTATE 42703, character 8): use another name`.
pub(crate) struct Place<'a> {
    pub(crate) sqlstate: &'a str,
    pub(crate) position: Option<usize>,
    /// Empty when there is none.
    pub(crate) hint: &'a str,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (SQLSTATE {}", self.sqlstate)?;
        if let Some(position) = self.position {
            write!(f, ", character {position}")?;
        }
        f.write_str(")")?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, ": {}", self.hint) }
    }
}

const READ_ONLY: &str = "25006";
const PRIVILEGE: &str = "42501";
const SYNTAX: &str = "42601";
const TOO_COMPLEX: &str = "54001";

impl Refusal {
    fn new(
        sqlstate: &'static str,
        message: impl Into<Cow<'static, str>>,
        hint: &'static str,
    ) -> Self {
        Self { sqlstate, message: message.into(), hint, at: None, position: None }
    }

    /// A part of the statement that no read has.
    pub(crate) fn construct(spoken: &str) -> Self {
        let message = format!("{spoken} is not allowed");
        Self::new(
            READ_ONLY,
            message,
            "send one SELECT, VALUES, TABLE, WITH … SELECT, EXPLAIN or SHOW",
        )
    }

    pub(crate) fn several() -> Self {
        Self::new(SYNTAX, "there is more than one statement", "send one statement at a time")
    }

    pub(crate) fn empty() -> Self {
        Self::new(SYNTAX, "there is no statement", "send one SELECT")
    }

    pub(crate) fn nul() -> Self {
        Self::new("22021", "the statement holds a NUL character", "leave it out")
    }

    pub(crate) fn too_long() -> Self {
        Self::new(
            TOO_COMPLEX,
            "the statement is longer than 32 kB",
            "pass long values as parameters, and lists as one array",
        )
    }

    pub(crate) fn too_deep() -> Self {
        Self::new(
            TOO_COMPLEX,
            "the statement is nested too deeply",
            "use arrays or a join instead of a long chain",
        )
    }

    pub(crate) fn syntax(message: String) -> Self {
        Self::new(SYNTAX, message, "")
    }

    /// The parser said what this version does not understand.
    pub(crate) fn unknown_tree() -> Self {
        Self::new(TOO_COMPLEX, "the statement cannot be checked", "write it more simply")
    }

    /// A function, operator, type or setting that has an effect, or may have one.
    pub(crate) fn privilege(message: String, hint: &'static str) -> Self {
        Self::new(PRIVILEGE, message, hint)
    }

    pub(crate) fn undefined_function(name: &impl fmt::Display) -> Self {
        let message = format!("function `{name}` does not exist");
        Self::new("42883", message, "`search_objects` finds what there is")
    }

    pub(crate) fn undefined_relation(name: &impl fmt::Display) -> Self {
        let message = format!("relation `{name}` does not exist");
        Self::new("42P01", message, "`list_tables` and `search_objects` find what there is")
    }

    pub(crate) fn parameters(message: String) -> Self {
        Self::new("08P01", message, "")
    }

    #[must_use]
    pub(crate) fn at(self, at: Option<usize>) -> Self {
        Self { at, ..self }
    }

    /// Counts the characters up to the place, as PostgreSQL does.
    #[must_use]
    pub(crate) fn in_text(self, sql: &str) -> Self {
        let before = self.at.and_then(|at| sql.get(..at));
        Self { position: before.map(|text| text.chars().count() + 1), ..self }
    }

    /// Whether PostgreSQL could say more about it than we can.
    pub(crate) fn is_syntax(&self) -> bool {
        self.sqlstate == SYNTAX && self.hint.is_empty()
    }
}

impl Classify for Refusal {
    fn kind(&self) -> ErrorKind {
        match self.sqlstate {
            READ_ONLY | PRIVILEGE => ErrorKind::Forbidden { scopes: Vec::new() },
            _ => ErrorKind::InvalidInput {
                fields: vec![FieldFault::new("sql", self.message.clone())],
            },
        }
    }

    fn details(&self) -> Option<Value> {
        Some(json!({
            "sqlstate": self.sqlstate,
            "hint": (!self.hint.is_empty()).then_some(self.hint),
            "position": self.position,
        }))
    }
}
