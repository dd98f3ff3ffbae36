//! That the table is whole. `Debug` of the tree is generated from PostgreSQL's headers, field by field; what it says is
//! compared with the table, and what it goes through with what the walk visits.

use std::collections::{BTreeMap, BTreeSet};

use pg_raw_parse::Node;

use super::{FIELDS, name, put_parts, spoken, words};
use crate::tests::statements;

/// What the corpora do not have: together they reach every node of the table.
const MORE: [&str; 12] = [
    "SELECT B'01', 1.5, true, x.*, (x).*, a[1:2], $1, CURRENT_DATE FROM x",
    "SELECT * FROM ROWS FROM (f(1) AS (a int COLLATE \"C\")) WITH ORDINALITY AS t",
    "SELECT * FROM f(1) AS t(a int)",
    "WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a FROM r)
        SEARCH DEPTH FIRST BY a SET o CYCLE a SET c TO true DEFAULT false USING p SELECT * FROM r",
    "SELECT json_array(SELECT 1), json_array(1, 2 FORMAT JSON), json_object('a': 1 RETURNING text),
        json('1'), json_scalar(1), json_serialize('1' RETURNING bytea FORMAT JSON ENCODING UTF8),
        '1' IS JSON OBJECT WITH UNIQUE KEYS",
    "SELECT json_objectagg('a': 1) FILTER (WHERE a) OVER w, json_arrayagg(1 ORDER BY 2 USING <) FROM x WINDOW w AS ()",
    "SELECT json_value(a, '$' PASSING 1 AS x RETURNING int DEFAULT 0 ON EMPTY ERROR ON ERROR) FROM x",
    "SELECT * FROM json_table(a, '$' AS p PASSING 1 AS x COLUMNS (b int FORMAT JSON PATH '$' DEFAULT 1 ON EMPTY,
        o FOR ORDINALITY, NESTED PATH '$[*]' AS n COLUMNS (c text EXISTS))) AS t",
    "SELECT * FROM xmltable(XMLNAMESPACES ('u' AS n), '/a' PASSING x COLUMNS b int PATH 'b' DEFAULT 1, o FOR ORDINALITY)",
    "SELECT xmlserialize(CONTENT x AS text), xmlelement(name a, xmlattributes(1 AS b), 2), xmlforest(1 AS c)",
    "SELECT GROUPING (a), greatest(a, 1), ROW(1, 2), f(b => 1), a IS NULL, a IS TRUE, coalesce(a, b), a = ANY (SELECT 1)
        FROM x TABLESAMPLE system (1) REPEATABLE (2) JOIN y USING (a) GROUP BY GROUPING SETS ((a), CUBE (b), ())",
    "SHOW work_mem",
];

/// Everything that the corpora have and that parses, one statement after the other.
fn parsed() -> impl Iterator<Item = pg_raw_parse::ParseResult> {
    let files = ["honest.txt", "attacks.txt", "tpch/queries.txt"];
    let corpora = files.into_iter().flat_map(statements);
    let all = corpora.chain(MORE.into_iter().map(str::to_owned));
    all.filter_map(|sql| pg_raw_parse::parse(&sql).ok())
}

/// The nodes in the text that `Debug` writes, `Node { field: value, .. }`, with their fields.
fn written(text: &str) -> Vec<(&str, Vec<&str>)> {
    let (mut open, mut found) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        let length = rest.find(|it| !is_word(it)).unwrap_or(rest.len()).max(letter.len_utf8());
        let (word, after) = rest.split_at(length);
        rest = match letter {
            '"' => after_string(after),
            '}' => {
                found.extend(open.pop());
                after
            }
            _ if after.starts_with(" {") => {
                open.push((word, Vec::new()));
                after
            }
            _ if after.starts_with(": ") => {
                open.last_mut().unwrap().1.push(word);
                after
            }
            _ => after,
        };
    }
    assert!(open.is_empty());
    found
}

fn after_string(text: &str) -> &str {
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '"' => return text.get(at + 1..).unwrap(),
            _ => {}
        }
    }
    panic!("a string without an end: {text}")
}

#[test]
fn every_node_of_the_table_has_all_fields_of_its_definition() {
    let mut defined = BTreeMap::new();
    for tree in parsed() {
        let text = format!("{:?}", &**tree);
        defined.extend(written(&text).into_iter().map(|(node, fields)| {
            (node.to_owned(), fields.into_iter().map(str::to_owned).collect::<Vec<_>>())
        }));
    }
    // A constant has its value in itself.
    let within_a_constant = ["BitString", "Boolean", "Float", "Integer"];
    for (node, fields) in FIELDS {
        match defined.get(*node) {
            Some(defined) => assert_eq!(defined, fields, "{node}"),
            None => assert!(within_a_constant.contains(node), "no statement has a {node}"),
        }
    }
    assert!(defined["A_Star"].is_empty());
}

#[test]
fn every_node_that_there_is_is_visited() {
    let listed: BTreeSet<_> = FIELDS.iter().map(|(node, _)| *node).chain(["A_Star"]).collect();
    let mut compared = 0;
    for tree in parsed() {
        let text = format!("{:?}", &**tree);
        let mut there: Vec<_> =
            written(&text).into_iter().map(|(node, _)| node.to_owned()).collect();
        if there.iter().any(|node| !listed.contains(node.as_str())) {
            continue;
        }
        let mut visited = Vec::new();
        let mut ahead: Vec<Node<'_>> = tree.iter().map(Node::from).collect();
        while let Some(node) = ahead.pop() {
            put_parts(node, &mut ahead).unwrap();
            if !matches!(node, Node::NodeList(_)) {
                visited.push(name(node));
            }
        }
        there.sort();
        visited.sort();
        assert_eq!(visited, there, "{text}");
        compared += there.len();
    }
    assert!(compared > 5_000, "{compared}");
}

#[test]
fn a_refused_node_is_named_as_in_sql() {
    for (sql, name) in [
        ("CREATE TABLE a AS SELECT 1", "CREATE TABLE AS"),
        ("DELETE FROM a", "DELETE"),
        ("BEGIN", "a transaction command"),
    ] {
        let parsed = pg_raw_parse::parse(sql).unwrap();
        assert_eq!(spoken(parsed.stmts().next().unwrap()), name);
    }
    assert_eq!(words("AlterTSDictionary"), "ALTER TS DICTIONARY");
}
