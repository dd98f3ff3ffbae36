//! What a statement refers to, as far as PostgreSQL's own parser can say: names, not yet resolved.

use std::collections::HashSet;

/// Everything that a statement names.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) root: Root,
    /// Calls: `f(x)`, `schema.f(x)`, `TABLESAMPLE f (10)`.
    pub(crate) functions: Vec<Name>,
    /// What may be a column or, in attribute notation, a call: `a.f`, `(x).f`.
    pub(crate) attributes: Vec<Name>,
    pub(crate) operators: Vec<Name>,
    /// Targets of casts, and column types.
    pub(crate) types: Vec<Name>,
    pub(crate) relations: Vec<Relation>,
    /// Names in `FROM` that stand for something else than a table with the columns that it has: subqueries, functions,
    /// joins, and tables whose columns are named anew.
    pub(crate) aliases: HashSet<String>,
    /// Names that `WITH` gives.
    pub(crate) ctes: HashSet<String>,
    /// The highest parameter: 2 for `$2`.
    pub(crate) parameters: usize,
}

/// What kind of statement it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Root {
    /// `SELECT`, `VALUES`, `TABLE`, `WITH`.
    #[default]
    Query,
    /// `EXPLAIN` of a query.
    Explain,
    /// `SHOW` of one setting.
    Show(String),
}

/// A name with at most one qualifier before it, as PostgreSQL folded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The schema; of an attribute, the table or alias.
    pub(crate) qualifier: Option<String>,
    pub(crate) last: String,
    /// Where it stands in the text, in bytes; `None` where the parser does not say.
    pub(crate) at: Option<usize>,
}

/// A relation in `FROM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) name: Name,
    pub(crate) alias: Option<String>,
}

impl Name {
    /// The last one or two of several parts; a database before them is PostgreSQL's business.
    pub(super) fn of<'a>(
        mut parts: impl DoubleEndedIterator<Item = &'a str>,
        at: Option<usize>,
    ) -> Option<Self> {
        let last = parts.next_back()?.to_owned();
        Some(Self { qualifier: parts.next_back().map(str::to_owned), last, at })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.qualifier {
            Some(qualifier) => write!(f, "{qualifier}.{}", self.last),
            None => f.write_str(&self.last),
        }
    }
}
