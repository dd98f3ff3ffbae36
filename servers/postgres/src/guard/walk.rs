//! One walk over every node of a parse tree.
//!
//! Which fields a node has is said once, in [`nodes`], and tested against the tree's own definition, so that no
//! field, list in a list or clause can be forgotten. Guards that were written node by node have missed functions in
//! `FROM`, in `VALUES` and in attribute notation.
//!
//! It stops at the first node that [`nodes`] does not list, and at [`MAX_DEPTH`]. It does not recurse: what is still
//! to do is on the heap, so that a deep tree cannot run out of stack, which would end the process.

use pg_raw_parse::{Node, nodes::RawStmt};

use super::{
    Refusal,
    facts::{Facts, Name, Relation, Root},
    nodes,
};

/// How deep a tree may be. Sums of two thousand terms are; queries that people write are not.
const MAX_DEPTH: usize = 2_000;

/// Reads what a statement names, or refuses it.
pub(super) fn walk(statement: &RawStmt) -> Result<Facts, Refusal> {
    let mut walk =
        Walk { facts: Facts::default(), open: Vec::new(), ahead: vec![statement.into()] };
    loop {
        // A node whose parts have all been visited is left before the next one is entered.
        if let Some(node) = walk.open.pop_if(|open| open.ahead == walk.ahead.len()) {
            walk.leave(node.node);
        } else if let Some(node) = walk.ahead.pop() {
            walk.enter(node)?;
        } else {
            return Ok(walk.facts);
        }
    }
}

struct Walk<'a> {
    facts: Facts,
    /// From the root to the node at hand.
    open: Vec<Open<'a>>,
    /// Nodes to visit, the next one last.
    ahead: Vec<Node<'a>>,
}

/// A node whose parts are being visited.
struct Open<'a> {
    node: Node<'a>,
    /// How many nodes were ahead before its parts.
    ahead: usize,
}

impl<'a> Walk<'a> {
    fn enter(&mut self, node: Node<'a>) -> Result<(), Refusal> {
        let ahead = self.ahead.len();
        let depth = self.open.len();
        // `RawStmt` stands above a statement's root; `EXPLAIN` and `SHOW` are a root or nowhere.
        let fits = match node {
            Node::SelectStmt(_) => true,
            Node::ExplainStmt(_) | Node::VariableShowStmt(_) => depth == 1,
            _ => depth != 1,
        };
        if !fits || nodes::put_parts(node, &mut self.ahead).is_err() {
            return Err(Refusal::construct(&nodes::spoken(node)));
        }
        if depth >= MAX_DEPTH {
            return Err(Refusal::too_deep());
        }
        if let Some(parts) = self.ahead.get_mut(ahead..) {
            parts.reverse();
        }
        self.open.push(Open { node, ahead });
        Ok(())
    }

    fn leave(&mut self, node: Node<'a>) {
        let facts = &mut self.facts;
        match node {
            Node::FuncCall(it) => facts.functions.extend(name(it.funcname().iter(), it.location)),
            Node::RangeTableSample(it) => {
                facts.functions.extend(name(it.method().iter(), it.location));
            }
            Node::A_Expr(it) => facts.operators.extend(name(it.name().iter(), it.location)),
            Node::SortBy(it) => facts.operators.extend(name(it.use_op().iter(), it.location)),
            Node::SubLink(it) => facts.operators.extend(name(it.oper_name().iter(), it.location)),
            Node::TypeName(it) => {
                facts.types.extend(name(it.names().iter().map(Node::from), it.location));
            }
            Node::CommonTableExpr(it) => facts.ctes.extend(it.ctename().map(str::to_owned)),
            Node::ParamRef(it) => {
                facts.parameters = facts.parameters.max(usize::try_from(it.number).unwrap_or(0));
            }
            Node::ExplainStmt(_) => facts.root = Root::Explain,
            Node::VariableShowStmt(it) => {
                facts.root = Root::Show(it.name().unwrap_or_default().to_owned());
            }
            // A single field is a column; with a qualifier it may be a call.
            Node::ColumnRef(it) => {
                let name = name(it.fields().iter(), it.location);
                facts.attributes.extend(name.filter(|name| name.qualifier.is_some()));
            }
            Node::A_Indirection(it) => {
                let names = it.indirection().iter().filter_map(Node::as_str);
                let attribute =
                    |last: &str| Name { qualifier: None, last: last.to_owned(), at: None };
                facts.attributes.extend(names.map(attribute));
            }
            Node::Alias(it) => {
                let parent = self.open.last().map(|open| open.node);
                if !matches!(parent, Some(Node::RangeVar(_))) || !it.colnames().is_empty() {
                    facts.aliases.extend(it.aliasname().map(str::to_owned));
                }
            }
            // Both compare with `=` without saying so.
            Node::CaseExpr(it) => facts.operators.push(equals(place(it.location))),
            Node::JoinExpr(_) => facts.operators.push(equals(None)),
            Node::RangeVar(it) => facts.relations.extend(it.relname().map(|last| Relation {
                name: Name {
                    qualifier: it.schemaname().map(str::to_owned),
                    last: last.to_owned(),
                    at: place(it.location),
                },
                alias: it.alias().and_then(|alias| alias.aliasname()).map(str::to_owned),
            })),
            _ => {}
        }
    }
}

/// The name that a list of strings is; what else stands in the list, such as `*`, is no part of it.
fn name<'a>(parts: impl DoubleEndedIterator<Item = Node<'a>>, location: i32) -> Option<Name> {
    Name::of(parts.filter_map(Node::as_str), place(location))
}

/// The parser's "unknown" is -1.
fn place(location: i32) -> Option<usize> {
    usize::try_from(location).ok()
}

fn equals(at: Option<usize>) -> Name {
    Name { qualifier: None, last: "=".to_owned(), at }
}
