//! One walk over every node of a parse tree.
//!
//! The walk is a [`Serializer`]: `pg_query` derives `Serialize` for its tree, so that what is visited follows
//! from the tree's own definition and no field, list in a list or clause can be forgotten here. Guards that
//! were written node by node have missed functions in `FROM`, in `VALUES` and in attribute notation.
//!
//! It stops at the first node that [`nodes`] does not list, and at [`MAX_DEPTH`].

use serde::ser::{Impossible, Serialize, SerializeSeq, SerializeStruct, Serializer};

use super::{
    Refusal,
    facts::{Facts, Name, Relation, Root},
    nodes,
};

/// How deep a tree may be. Sums of two thousand terms are; queries that people write are not.
const MAX_DEPTH: usize = 2_000;

/// Reads what a statement names, or refuses it.
pub(super) fn walk(statement: &impl Serialize) -> Result<Facts, Refusal> {
    let mut walk = Walk::default();
    statement.serialize(&mut walk)?;
    Ok(walk.facts)
}

#[derive(Debug, Default)]
struct Walk {
    facts: Facts,
    /// From the root to the node at hand.
    open: Vec<Open>,
}

/// A node whose fields are being visited.
#[derive(Debug)]
struct Open {
    node: &'static str,
    /// The field being visited.
    field: &'static str,
    /// Texts of this node's own fields, and of the `String` nodes in them, by field.
    texts: Vec<(&'static str, String)>,
    at: Option<usize>,
    number: usize,
}

impl Walk {
    fn enter(&mut self, node: &'static str) -> Result<(), Refusal> {
        if !nodes::is_allowed(node) {
            return Err(Refusal::construct(&nodes::spoken(node)));
        }
        // `RawStmt` stands above a statement's root; `EXPLAIN` and `SHOW` are a root or nowhere.
        let fits = match self.open.len() {
            0 => node == "RawStmt",
            1 => nodes::is_root(node),
            _ => node == "SelectStmt" || !nodes::is_root(node),
        };
        if !fits {
            return Err(Refusal::construct(&nodes::spoken(node)));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Refusal::too_deep());
        }
        if node == "ExplainStmt" {
            self.facts.root = Root::Explain;
        }
        self.open.push(Open { node, field: "", texts: Vec::new(), at: None, number: 0 });
        Ok(())
    }

    fn text(&mut self, text: &str) {
        // Most fields of most nodes are empty.
        if let Some(open) = self.open.last_mut().filter(|_| !text.is_empty()) {
            open.texts.push((open.field, text.to_owned()));
        }
    }

    fn number(&mut self, number: i64) {
        let Some(open) = self.open.last_mut() else { return };
        match open.field {
            // The parser's "unknown" is -1.
            "location" => open.at = usize::try_from(number).ok(),
            "number" => open.number = usize::try_from(number).unwrap_or(0),
            _ => {}
        }
    }

    fn leave(&mut self) {
        let Some(mut open) = self.open.pop() else { return };
        let at = open.at;
        let facts = &mut self.facts;
        match open.node {
            // The text belongs to the list that the node stands in.
            "String" => {
                let text = open.take("sval").pop().unwrap_or_default();
                self.text(&text);
            }
            "FuncCall" => facts.functions.extend(Name::of(open.take("funcname"), at)),
            "RangeTableSample" => facts.functions.extend(Name::of(open.take("method"), at)),
            "AExpr" => facts.operators.extend(Name::of(open.take("name"), at)),
            "SortBy" => facts.operators.extend(Name::of(open.take("use_op"), at)),
            "SubLink" => facts.operators.extend(Name::of(open.take("oper_name"), at)),
            "TypeName" => facts.types.extend(Name::of(open.take("names"), at)),
            "CommonTableExpr" => facts.ctes.extend(open.take("ctename")),
            "ParamRef" => facts.parameters = facts.parameters.max(open.number),
            "VariableShowStmt" => {
                facts.root = Root::Show(open.take("name").pop().unwrap_or_default());
            }
            // A single field is a column; with a qualifier it may be a call.
            "ColumnRef" => {
                let parts = open.take("fields");
                if parts.len() > 1 {
                    facts.attributes.extend(Name::of(parts, at));
                }
            }
            "AIndirection" => {
                let names = open.take("indirection").into_iter();
                facts.attributes.extend(names.map(|last| Name { qualifier: None, last, at }));
            }
            "Alias" => {
                let alias = open.take("aliasname").pop().unwrap_or_default();
                let is_table = self.open.last().is_some_and(|parent| parent.node == "RangeVar");
                if !is_table || !open.take("colnames").is_empty() {
                    facts.aliases.insert(alias.clone());
                }
                self.text(&alias);
            }
            // Both compare with `=` without saying so.
            "CaseExpr" | "JoinExpr" => {
                facts.operators.push(Name { qualifier: None, last: "=".to_owned(), at });
            }
            "RangeVar" => facts.relations.extend(open.relation()),
            _ => {}
        }
    }
}

impl Open {
    fn take(&mut self, field: &str) -> Vec<String> {
        let wanted =
            |(of, text): &mut (&'static str, String)| (*of == field).then(|| std::mem::take(text));
        self.texts.iter_mut().filter_map(wanted).collect()
    }

    fn relation(&mut self) -> Option<Relation> {
        let last = self.take("relname").pop()?;
        let name = Name { qualifier: self.take("schemaname").pop(), last, at: self.at };
        Some(Relation { name, alias: self.take("alias").pop() })
    }
}

impl<'a> Serializer for &'a mut Walk {
    type Ok = ();
    type Error = Refusal;
    type SerializeSeq = Self;
    type SerializeStruct = Fields<'a>;
    type SerializeTuple = Impossible<(), Refusal>;
    type SerializeTupleStruct = Impossible<(), Refusal>;
    type SerializeTupleVariant = Impossible<(), Refusal>;
    type SerializeMap = Impossible<(), Refusal>;
    type SerializeStructVariant = Impossible<(), Refusal>;

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Fields<'a>, Refusal> {
        // `Node` is only the box that a node of any kind comes in.
        let is_node = name != "Node";
        if is_node {
            self.enter(name)?;
        }
        Ok(Fields { walk: self, is_node })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        value.serialize(self)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self, Refusal> {
        Ok(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        value.serialize(self)
    }

    fn serialize_str(self, value: &str) -> Result<(), Refusal> {
        self.text(value);
        Ok(())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Refusal> {
        self.number(value.into());
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Refusal> {
        self.number(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Refusal> {
        Ok(())
    }

    fn serialize_bool(self, _: bool) -> Result<(), Refusal> {
        Ok(())
    }

    fn serialize_u32(self, _: u32) -> Result<(), Refusal> {
        Ok(())
    }

    fn serialize_u64(self, _: u64) -> Result<(), Refusal> {
        Ok(())
    }

    // The tree has none of what follows: a new kind of value in it is refused until it is known here.

    fn serialize_i8(self, _: i8) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_i16(self, _: i16) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_u8(self, _: u8) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_u16(self, _: u16) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_f32(self, _: f32) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_f64(self, _: f64) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_char(self, _: char) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_unit(self) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Refusal> {
        Err(Refusal::unknown_tree())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Refusal> {
        Err(Refusal::unknown_tree())
    }
}

impl SerializeSeq for &mut Walk {
    type Ok = ();
    type Error = Refusal;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Refusal> {
        item.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The fields of one struct of the tree.
struct Fields<'a> {
    walk: &'a mut Walk,
    is_node: bool,
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Refusal;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        if self.is_node
            && let Some(open) = self.walk.open.last_mut()
        {
            open.field = field;
        }
        value.serialize(&mut *self.walk)
    }

    fn end(self) -> Result<(), Refusal> {
        if self.is_node {
            self.walk.leave();
        }
        Ok(())
    }
}
