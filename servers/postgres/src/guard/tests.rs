//! What the parser layer lets through, refuses and reads, without a database.

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use super::{Facts, Guard, MAX_SQL, Name, Refusal, Relation, Root};
use crate::tests::statements;

fn read(sql: &str) -> Result<Facts, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Guard::start().unwrap().read(sql))
}

fn refused(sql: &str) -> String {
    read(sql).map(|_| ()).expect_err(sql).to_string()
}

fn functions(sql: &str) -> Vec<String> {
    let facts = read(sql).expect(sql);
    facts.functions.iter().chain(&facts.attributes).map(ToString::to_string).collect()
}

#[test]
fn a_write_is_refused_wherever_it_hides() {
    for sql in [
        "DELETE FROM t",
        "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
        "SELECT * FROM (WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT * FROM x) y",
        "SELECT * INTO u FROM t",
        "SELECT 1 INTO u UNION SELECT 2",
        "SELECT * FROM t FOR UPDATE",
        "SELECT (SELECT a FROM t FOR KEY SHARE)",
        "EXPLAIN ANALYZE DELETE FROM t",
        "EXPLAIN ANALYZE EXECUTE p",
        "EXPLAIN CREATE TABLE u AS SELECT 1",
        "COPY t TO PROGRAM 'id'",
        "DO $$ BEGIN END $$",
        "CALL p()",
        "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
        "SET ROLE postgres",
        "BEGIN",
        "LISTEN c",
        "DECLARE c CURSOR FOR SELECT 1",
    ] {
        assert!(refused(sql).contains("is not allowed"), "{sql}: {}", refused(sql));
    }
}

#[test]
fn one_statement_and_no_other() {
    assert!(refused("SELECT 1; DROP TABLE t").contains("more than one"));
    assert!(refused("COMMIT; DROP TABLE t").contains("more than one"));
    assert!(refused("-- nothing\n").contains("no statement"));
    assert!(refused("SELECT 1\0; DROP TABLE t").contains("NUL"));
    assert!(read("SELECT 1;").is_ok());
    // A lone carriage return ends a comment.
    assert!(refused("SELECT 1 -- \r; DROP TABLE t").contains("more than one"));
}

#[test]
fn a_call_is_seen_in_every_place_that_it_can_have() {
    for sql in [
        "SELECT f(1)",
        "SELECT * FROM f(1)",
        "SELECT * FROM ROWS FROM (f(1), g(2))",
        "SELECT * FROM t, LATERAL f(t.a)",
        "VALUES (f(1))",
        "SELECT 1 ORDER BY f(1)",
        "SELECT 1 LIMIT f(1)",
        "SELECT 1 OFFSET f(1)",
        "SELECT sum(1) FILTER (WHERE f(1)) FROM t",
        "SELECT sum(1) OVER (PARTITION BY f(1)) FROM t",
        "SELECT sum(1) OVER w FROM t WINDOW w AS (ORDER BY f(1))",
        "SELECT * FROM t GROUP BY GROUPING SETS ((f(1)))",
        "SELECT * FROM t HAVING f(1)",
        "SELECT * FROM t JOIN u ON f(1)",
        "SELECT DISTINCT ON (f(1)) 1",
        "SELECT CASE WHEN f(1) THEN 1 END",
        "SELECT ARRAY[f(1)]",
        "SELECT a[f(1)] FROM t",
        "SELECT (SELECT f(1))",
        "SELECT EXISTS (SELECT f(1))",
        "SELECT 1 = ANY (SELECT f(1))",
        "SELECT f(1)::text",
        "SELECT ROW(f(1))",
        "SELECT coalesce(f(1), 2)",
        "SELECT xmlelement(name x, f(1))",
        "SELECT json_object('a': f(1))",
        "SELECT * FROM t TABLESAMPLE f (10)",
        "SELECT * FROM t TABLESAMPLE bernoulli (f(1))",
        "WITH RECURSIVE r AS (SELECT f(1) UNION ALL SELECT 1 FROM r) SELECT * FROM r",
        "SELECT 1 UNION SELECT f(1)",
        "EXPLAIN SELECT f(1)",
        "TABLE t ORDER BY f(1)",
        "SELECT ('x'::text).f",
        "SELECT (ARRAY[1])[1].f",
        "SELECT x.f FROM t x",
        "SELECT g(a => f(1))",
        "SELECT g(VARIADIC f(1))",
        "SELECT g(1 ORDER BY f(1)) FROM t",
        "SELECT g(0.5) WITHIN GROUP (ORDER BY f(1)) FROM t",
        "SELECT * FROM json_table('{}', '$' COLUMNS (a int PATH '$.a' DEFAULT f(1) ON EMPTY))",
        "SELECT * FROM xmltable('/a' PASSING f(1) COLUMNS b int PATH 'b')",
    ] {
        let found = functions(sql);
        let last = |name: &String| name.rsplit('.').next().map(str::to_owned);
        assert!(found.iter().any(|it| last(it).as_deref() == Some("f")), "{sql}: {found:?}");
    }
}

#[test]
fn what_a_statement_names_is_read() {
    let facts = read(
        "WITH c AS (SELECT 1) SELECT a.x::public.mood, $2 OPERATOR(public.+) 1 FROM public.t a, c",
    )
    .unwrap();
    assert_eq!(facts.root, Root::Query);
    assert_eq!(facts.parameters, 2);
    assert!(facts.ctes.contains("c"));
    assert_eq!(facts.types.iter().map(ToString::to_string).collect::<Vec<_>>(), ["public.mood"]);
    assert_eq!(facts.operators.iter().map(ToString::to_string).collect::<Vec<_>>(), ["public.+"]);
    let relations: Vec<_> =
        facts.relations.iter().map(|it| (it.name.to_string(), it.alias.clone())).collect();
    assert_eq!(relations, [("public.t".to_owned(), Some("a".to_owned())), ("c".to_owned(), None)]);
    assert_eq!(read("SHOW search_path").unwrap().root, Root::Show("search_path".to_owned()));
    assert_eq!(read("EXPLAIN SELECT 1").unwrap().root, Root::Explain);
}

/// Statements as long as is allowed: a head, pieces, an end, and as many closing pieces.
fn longest() -> impl Iterator<Item = String> {
    let statements = [
        ("SELECT ", "1+", "1", ""),
        ("SELECT ", "- ", "a", ""),
        ("SELECT a", "::b", "", ""),
        ("SELECT ", "(", "1", ")"),
        ("SELECT ", "NOT ", "a", ""),
        ("SELECT ", "f(", "1", ")"),
        ("SELECT ", "(SELECT ", "1", ")"),
        ("SELECT ", "CASE WHEN true THEN ", "1", " END"),
        ("SELECT", " UNION SELECT", "", ""),
        ("SELECT a", ",a", "", ""),
        ("SELECT f()", ",f()", "", ""),
        ("SELECT FROM a", ",a", "", ""),
        ("VALUES (1)", ",(1)", "", ""),
        ("SELECT a", "[1]", "", ""),
    ];
    statements.into_iter().map(|(head, piece, end, close)| {
        let times = (MAX_SQL - head.len() - end.len()) / (piece.len() + close.len());
        format!("{head}{}{end}{}", piece.repeat(times), close.repeat(times))
    })
}

#[test]
fn the_longest_statements_need_neither_stack_nor_time() {
    const STACK: usize = 256 * 1_024;
    let work = || longest().for_each(|sql| drop(super::read(&sql)));
    let started = Instant::now();
    thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap();
    // They take some 3 ms each, and without optimization ten times that.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn honest_length_passes_and_hostile_depth_is_refused() {
    let sum = |terms: usize| format!("SELECT {}1", "1+".repeat(terms));
    assert!(read(&sum(1_000)).is_ok());
    assert!(read(&sum(1_990)).is_ok());
    assert!(refused(&sum(2_010)).contains("too deeply"));
    let (flat, deep): (Vec<_>, Vec<_>) = longest().map(|sql| read(&sql)).partition(Result::is_ok);
    // The lists, indices among them; all others are too deep for the walk, or for the parser itself.
    assert_eq!((flat.len(), deep.len()), (5, 9));
    assert!(refused(&" ".repeat(MAX_SQL + 1)).contains("32 kB"));
}

#[test]
fn a_long_name_is_cut_between_letters() {
    let name = format!("{}é", "a".repeat(62));
    assert_eq!(functions(&format!("SELECT {name}()")), ["a".repeat(62)]);
}

#[test]
fn what_the_corpora_name_is_as_in_the_snapshot() {
    let mut found = String::new();
    for sql in ["honest.txt", "tpch/queries.txt", "attacks.txt"].into_iter().flat_map(statements) {
        let words: Vec<_> = sql.split_whitespace().collect();
        let read = read(&sql).map_or_else(|refusal| refusal.to_string(), |facts| spelled(&facts));
        writeln!(found, "{}\n    {read}", words.join(" ")).unwrap();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("statements", found));
}

/// Facts on one line, what there is of them.
fn spelled(facts: &Facts) -> String {
    let name = |name: &Name| match name.at {
        Some(at) => format!("{name}@{at}"),
        None => name.to_string(),
    };
    let relation = |it: &Relation| match &it.alias {
        Some(alias) => format!("{}={alias}", name(&it.name)),
        None => name(&it.name),
    };
    let names = |names: &[Name]| names.iter().map(name).collect::<Vec<_>>();
    let sorted = |names: &HashSet<String>| names.iter().cloned().collect::<BTreeSet<_>>();
    let mut line = match &facts.root {
        Root::Query => "query".to_owned(),
        Root::Explain => "explain".to_owned(),
        Root::Show(setting) => format!("show {setting}"),
    };
    let relations: Vec<_> = facts.relations.iter().map(relation).collect();
    for (kind, names) in [
        ("calls", names(&facts.functions)),
        ("attributes", names(&facts.attributes)),
        ("operators", names(&facts.operators)),
        ("types", names(&facts.types)),
        ("relations", relations),
        ("aliases", sorted(&facts.aliases).into_iter().collect()),
        ("ctes", sorted(&facts.ctes).into_iter().collect()),
    ] {
        if !names.is_empty() {
            write!(line, "; {kind} {}", names.join(" ")).unwrap();
        }
    }
    if facts.parameters > 0 {
        write!(line, "; parameters {}", facts.parameters).unwrap();
    }
    line
}
