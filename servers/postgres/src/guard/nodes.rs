//! The nodes of a parse tree that a read may have. What is not listed here is refused.

use std::borrow::Cow;

/// Every node of a query, in the order of the alphabet. The names are those of PostgreSQL's parse tree
/// (`src/include/nodes/parsenodes.h` and `primnodes.h`) as `pg_query` spells them.
///
/// Not here, among others: every statement that is no query, `IntoClause`, `LockingClause`, and what only a
/// writing statement can have.
const ALLOWED: [&str; 75] = [
    "AArrayExpr",
    "AConst",
    "AExpr",
    "AIndices",
    "AIndirection",
    "AStar",
    "Alias",
    "BitString",
    "BoolExpr",
    "Boolean",
    "BooleanTest",
    "CaseExpr",
    "CaseWhen",
    "CoalesceExpr",
    "CollateClause",
    "ColumnDef",
    "ColumnRef",
    "CommonTableExpr",
    "CteCycleClause",
    "CteSearchClause",
    "DefElem",
    "ExplainStmt",
    "Float",
    "FuncCall",
    "GroupingFunc",
    "GroupingSet",
    "Integer",
    "JoinExpr",
    "JsonAggConstructor",
    "JsonArgument",
    "JsonArrayAgg",
    "JsonArrayConstructor",
    "JsonArrayQueryConstructor",
    "JsonBehavior",
    "JsonFormat",
    "JsonFuncExpr",
    "JsonIsPredicate",
    "JsonKeyValue",
    "JsonObjectAgg",
    "JsonObjectConstructor",
    "JsonOutput",
    "JsonParseExpr",
    "JsonReturning",
    "JsonScalarExpr",
    "JsonSerializeExpr",
    "JsonTable",
    "JsonTableColumn",
    "JsonTablePathSpec",
    "JsonValueExpr",
    "List",
    "MinMaxExpr",
    "NamedArgExpr",
    "NullTest",
    "ParamRef",
    "RangeFunction",
    "RangeSubselect",
    "RangeTableFunc",
    "RangeTableFuncCol",
    "RangeTableSample",
    "RangeVar",
    "RawStmt",
    "ResTarget",
    "RowExpr",
    "SelectStmt",
    "SortBy",
    "SqlValueFunction",
    "String",
    "SubLink",
    "TypeCast",
    "TypeName",
    "VariableShowStmt",
    "WindowDef",
    "WithClause",
    "XmlExpr",
    "XmlSerialize",
];

/// What a statement as a whole may be.
const ROOTS: [&str; 3] = ["ExplainStmt", "SelectStmt", "VariableShowStmt"];

/// Whether a read may have this node somewhere.
pub(super) fn is_allowed(node: &str) -> bool {
    ALLOWED.binary_search(&node).is_ok()
}

/// Whether a statement as a whole may be this.
pub(super) fn is_root(node: &str) -> bool {
    ROOTS.contains(&node)
}

/// How a person calls the node: `CreateTableAsStmt` is `CREATE TABLE AS`.
pub(super) fn spoken(node: &str) -> Cow<'static, str> {
    match node {
        "IntoClause" => "SELECT INTO".into(),
        "LockingClause" => "FOR UPDATE or another row lock".into(),
        "CurrentOfExpr" => "WHERE CURRENT OF".into(),
        "SetToDefault" => "DEFAULT".into(),
        "VariableSetStmt" => "SET or RESET".into(),
        "TransactionStmt" => "a transaction command".into(),
        "DoStmt" => "DO".into(),
        _ => words(node.strip_suffix("Stmt").unwrap_or(node)).into(),
    }
}

fn words(name: &str) -> String {
    let mut spoken = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !spoken.is_empty() {
            spoken.push(' ');
        }
        spoken.push(letter.to_ascii_uppercase());
    }
    spoken
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, is_allowed, spoken};

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(ALLOWED.is_sorted());
        assert!(ALLOWED.iter().all(|node| is_allowed(node)));
    }

    #[test]
    fn a_refused_node_is_named_as_in_sql() {
        assert_eq!(spoken("CreateTableAsStmt"), "CREATE TABLE AS");
        assert_eq!(spoken("DeleteStmt"), "DELETE");
        assert_eq!(spoken("IntoClause"), "SELECT INTO");
    }
}
