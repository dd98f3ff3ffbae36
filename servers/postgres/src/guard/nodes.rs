//! The nodes of a parse tree that a read may have, with every field of them. What is not listed here is refused.

use std::{borrow::Cow, fmt, os::raw::c_char};

use pg_raw_parse::{
    ConstValue, Node,
    list::{CastNodeList, NodeList},
};

/// A node that no read has.
#[derive(Debug)]
pub(super) struct Unlisted;

/// What a field may hold. A field of any other type does not compile until it is known here what is in it.
trait Part<'a> {
    /// Adds the nodes that the field holds, in their order.
    fn put(self, nodes: &mut Vec<Node<'a>>) -> Result<(), Unlisted>;
}

/// The table, as a function that takes a node apart and as a list for the test that no field is missing.
macro_rules! nodes {
    ($($node:ident { $($field:ident $(($($call:tt)*))?),+ $(,)? })+) => {
        /// Adds the nodes right below `node`, in their order.
        pub(super) fn put_parts<'a>(node: Node<'a>, nodes: &mut Vec<Node<'a>>) -> Result<(), Unlisted> {
            match node {
                $(Node::$node(node) => { $(node.$field $(($($call)*))?.put(nodes)?;)+ })+
                // `*`, which has no fields.
                Node::A_Star(_) => {}
                Node::NodeList(list) => list.put(nodes)?,
                _ => return Err(Unlisted),
            }
            Ok(())
        }

        #[cfg(test)]
        pub(super) const FIELDS: &[(&str, &[&str])] =
            &[$((stringify!($node), &[$(stringify!($field)),+])),+];
    };
}

// In the order of the alphabet, each with all fields of its definition in PostgreSQL (`nodes/parsenodes.h` and
// `primnodes.h`) in their order; a call reads what the crate has to convert, nodes among it. The crate hides the tag
// of each, and of `CommonTableExpr` three lists of numbers that are filled in after parsing.
//
// Not here, among others: every statement that is no query, `IntoClause`, `LockingClause`, and what only a writing
// statement can have.
nodes! {
    A_ArrayExpr { elements(), list_start, list_end, location }
    A_Const { val(), isnull, location }
    A_Expr { kind, name(), lexpr(), rexpr(), rexpr_list_start, rexpr_list_end, location }
    A_Indices { is_slice, lidx(), uidx() }
    A_Indirection { arg(), indirection() }
    Alias { aliasname(), colnames() }
    BitString { bsval() }
    BoolExpr { boolop, args(), location }
    Boolean { boolval }
    BooleanTest { arg(), booltesttype, location }
    CTECycleClause {
        cycle_col_list(), cycle_mark_column(), cycle_mark_value(), cycle_mark_default(),
        cycle_path_column(), location, cycle_mark_type, cycle_mark_typmod, cycle_mark_collation,
        cycle_mark_neop,
    }
    CTESearchClause { search_col_list(), search_breadth_first, search_seq_column(), location }
    CaseExpr { casetype, casecollid, arg(), args(), defresult(), location }
    CaseWhen { expr(), result(), location }
    CoalesceExpr { coalescetype, coalescecollid, args(), location }
    CollateClause { arg(), collname(), location }
    ColumnDef {
        colname(), type_name(), compression(), inhcount, is_local, is_not_null, is_from_type,
        storage, storage_name(), raw_default(), cooked_default(), identity, identity_sequence(),
        generated, coll_clause(), coll_oid, constraints(), fdwoptions(), location,
    }
    ColumnRef { fields(), location }
    CommonTableExpr {
        ctename(), aliascolnames(), ctematerialized, ctequery(), search_clause(), cycle_clause(),
        location, cterecursive, cterefcount, ctecolnames(),
    }
    DefElem { defnamespace(), defname(), arg(), defaction, location }
    ExplainStmt { query(), options() }
    Float { fval() }
    FuncCall {
        funcname(), args(), agg_order(), agg_filter(), over(), agg_within_group, agg_star,
        agg_distinct, func_variadic, funcformat, location,
    }
    GroupingFunc { args(), refs(), cols(), agglevelsup, location }
    GroupingSet { kind, content(), location }
    Integer { ival }
    JoinExpr {
        jointype, is_natural, larg(), rarg(), using_clause(), join_using_alias(), quals(), alias(),
        rtindex,
    }
    JsonAggConstructor { output(), agg_filter(), agg_order(), over(), location }
    JsonArgument { val(), name() }
    JsonArrayAgg { constructor(), arg(), absent_on_null }
    JsonArrayConstructor { exprs(), output(), absent_on_null, location }
    JsonArrayQueryConstructor { query(), output(), format(), absent_on_null, location }
    JsonBehavior { btype, expr(), coerce, location }
    JsonFormat { format_type, encoding, location }
    JsonFuncExpr {
        op, column_name(), context_item(), pathspec(), passing(), output(), on_empty(), on_error(),
        wrapper, quotes, location,
    }
    JsonIsPredicate { expr(), format(), item_type, unique_keys, location }
    JsonKeyValue { key(), value() }
    JsonObjectAgg { constructor(), arg(), absent_on_null, unique }
    JsonObjectConstructor { exprs(), output(), absent_on_null, unique, location }
    JsonOutput { type_name(), returning() }
    JsonParseExpr { expr(), output(), unique_keys, location }
    JsonReturning { format(), typid, typmod }
    JsonScalarExpr { expr(), output(), location }
    JsonSerializeExpr { expr(), output(), location }
    JsonTable {
        context_item(), pathspec(), passing(), columns(), on_error(), alias(), lateral, location,
    }
    JsonTableColumn {
        coltype, name(), type_name(), pathspec(), format(), wrapper, quotes, columns(), on_empty(),
        on_error(), location,
    }
    JsonTablePathSpec { string(), name(), name_location, location }
    JsonValueExpr { raw_expr(), formatted_expr(), format() }
    MinMaxExpr { minmaxtype, minmaxcollid, inputcollid, op, args(), location }
    NamedArgExpr { arg(), name(), argnumber, location }
    NullTest { arg(), nulltesttype, argisrow, location }
    ParamRef { number, location }
    RangeFunction { lateral, ordinality, is_rowsfrom, functions(), alias(), coldeflist() }
    RangeSubselect { lateral, subquery(), alias() }
    RangeTableFunc { lateral, docexpr(), rowexpr(), namespaces(), columns(), alias(), location }
    RangeTableFuncCol {
        colname(), type_name(), for_ordinality, is_not_null, colexpr(), coldefexpr(), location,
    }
    RangeTableSample { relation(), method(), args(), repeatable(), location }
    RangeVar { catalogname(), schemaname(), relname(), inh, relpersistence, alias(), location }
    RawStmt { stmt(), stmt_location, stmt_len }
    ResTarget { name(), indirection(), val(), location }
    RowExpr { args(), row_typeid, row_format, colnames(), location }
    SQLValueFunction { op, type_, typmod, location }
    SelectStmt {
        distinct_clause(), into_clause(), target_list(), from_clause(), where_clause(),
        group_clause(), group_distinct, having_clause(), window_clause(), values_lists(),
        sort_clause(), limit_offset(), limit_count(), limit_option, locking_clause(), with_clause(),
        op, all, larg(), rarg(),
    }
    SortBy { node(), sortby_dir, sortby_nulls, use_op(), location }
    String { sval() }
    SubLink { sub_link_type, sub_link_id, testexpr(), oper_name(), subselect(), location }
    TypeCast { arg(), type_name(), location }
    TypeName { names(), type_oid, setof, pct_type, typmods(), typemod, array_bounds(), location }
    VariableShowStmt { name() }
    WindowDef {
        name(), refname(), partition_clause(), order_clause(), frame_options, start_offset(),
        end_offset(), location,
    }
    WithClause { ctes(), recursive, location }
    XmlExpr {
        op, name(), named_args(), arg_names(), args(), xmloption, indent, type_, typmod, location,
    }
    XmlSerialize { xmloption, expr(), type_name(), indent, location }
}

impl<'a> Part<'a> for Node<'a> {
    fn put(self, nodes: &mut Vec<Node<'a>>) -> Result<(), Unlisted> {
        if !matches!(self, Node::None) {
            nodes.push(self);
        }
        Ok(())
    }
}

impl<'a, T> Part<'a> for Option<&'a T>
where
    Node<'a>: From<&'a T>,
{
    fn put(self, nodes: &mut Vec<Node<'a>>) -> Result<(), Unlisted> {
        nodes.extend(self.map(Node::from));
        Ok(())
    }
}

impl<'a> Part<'a> for &'a NodeList {
    fn put(self, nodes: &mut Vec<Node<'a>>) -> Result<(), Unlisted> {
        self.iter().try_for_each(|node| node.put(nodes))
    }
}

impl<'a, T> Part<'a> for &'a CastNodeList<T>
where
    &'a CastNodeList<T>: IntoIterator<Item = &'a T>,
    Node<'a>: From<&'a T>,
{
    fn put(self, nodes: &mut Vec<Node<'a>>) -> Result<(), Unlisted> {
        nodes.extend(self.into_iter().map(Node::from));
        Ok(())
    }
}

/// A constant's value, which PostgreSQL counts among the nodes and which has no parts.
impl<'a> Part<'a> for Option<ConstValue<'a>> {
    fn put(self, _: &mut Vec<Node<'a>>) -> Result<(), Unlisted> {
        match self {
            None
            | Some(
                ConstValue::Integer(_)
                | ConstValue::Float(_)
                | ConstValue::Boolean(_)
                | ConstValue::String(_)
                | ConstValue::BitString(_),
            ) => Ok(()),
            Some(_) => Err(Unlisted),
        }
    }
}

/// Values that hold no node.
macro_rules! values {
    ($($value:ty),+) => {$(
        impl<'a> Part<'a> for $value {
            fn put(self, _: &mut Vec<Node<'a>>) -> Result<(), Unlisted> {
                Ok(())
            }
        }
    )+};
}

values!(bool, c_char, i16, i32, u32, Option<&'a str>);

/// How a person calls the node: `CreateTableAsStmt` is `CREATE TABLE AS`.
pub(super) fn spoken(node: Node<'_>) -> Cow<'static, str> {
    let name = name(node);
    match name.as_str() {
        "IntoClause" => "SELECT INTO".into(),
        "LockingClause" => "FOR UPDATE or another row lock".into(),
        "CurrentOfExpr" => "WHERE CURRENT OF".into(),
        "SetToDefault" => "DEFAULT".into(),
        "VariableSetStmt" => "SET or RESET".into(),
        "TransactionStmt" => "a transaction command".into(),
        "DoStmt" => "DO".into(),
        // The crate has no type for it.
        "Invalid" => "this kind of statement".into(),
        name => words(name.strip_suffix("Stmt").unwrap_or(name)).into(),
    }
}

/// The variant's name: what `Debug` writes before it goes into the fields, which may be deep.
fn name(node: Node<'_>) -> String {
    struct Head(String);
    impl fmt::Write for Head {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            if part.contains('(') {
                return Err(fmt::Error);
            }
            self.0.push_str(part);
            Ok(())
        }
    }
    let mut head = Head(String::new());
    // It ends with the error above, and with the name.
    fmt::write(&mut head, format_args!("{node:?}")).ok();
    head.0
}

/// `AlterTSDictionary` is three words.
fn words(name: &str) -> String {
    let mut spoken = String::new();
    let mut letters = name.chars().peekable();
    let mut before = 'A';
    while let Some(letter) = letters.next() {
        let starts_word =
            before.is_lowercase() || letters.peek().is_some_and(|it| it.is_lowercase());
        if letter.is_uppercase() && starts_word && !spoken.is_empty() {
            spoken.push(' ');
        }
        spoken.push(letter.to_ascii_uppercase());
        before = letter;
    }
    spoken
}

#[cfg(test)]
mod tests;
