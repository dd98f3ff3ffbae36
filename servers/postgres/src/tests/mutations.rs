//! Statements put together from pieces of honest ones and attacks: whatever passes changes nothing.

use std::time::Duration;

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config as Runs, TestRunner},
};

use super::{Stage, statements};
use crate::{guard::Guard, page::Window};

/// How many mutated statements are run.
const MUTATIONS: usize = 600;

/// What is put between the pieces.
const GLUE: [&str; 12] =
    [" ", "; ", ")", "(", " UNION ALL ", ", ", " -- ", "\r", " /* ", "$$", "'", " FROM "];

/// Two statements cut anywhere and joined, or one inside of the other.
fn mutation() -> impl Strategy<Value = String> {
    let (honest, attacks) = (statements("honest.txt"), statements("attacks.txt"));
    let all: Vec<String> = honest.iter().chain(&attacks).cloned().collect();
    let piece = (prop::sample::select(all), any::<prop::sample::Index>(), any::<bool>());
    let cut = piece.prop_map(|(text, at, first)| {
        let places: Vec<_> = text.char_indices().map(|(place, _)| place).collect();
        let (left, right) = text.split_at(places[at.index(places.len())]);
        if first { left.to_owned() } else { right.to_owned() }
    });
    let joined = (cut.clone(), prop::sample::select(&GLUE[..]), cut)
        .prop_map(|(left, glue, right)| format!("{left}{glue}{right}"));
    let attack = prop::sample::select(attacks);
    let within = (prop::sample::select(honest), attack, 0..6_usize).prop_map(
        |(host, guest, how)| match how {
            0 => format!("SELECT ({guest})"),
            1 => format!("WITH x AS ({guest}) {host}"),
            2 => format!("{host} UNION ALL {guest}"),
            3 => format!("SELECT * FROM ({guest}) x"),
            4 => format!("EXPLAIN ANALYZE {guest}"),
            _ => host.replacen('1', &format!("({guest})"), 1),
        },
    );
    prop_oneof![joined, within]
}

#[test]
fn any_text_is_read_or_refused_by_the_parser() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let guard = Guard::start().unwrap();
    let text = prop_oneof![
        "\\PC{0,200}",
        "[ -~]{0,300}",
        "([(]|SELECT |UNION |'|\"|\\$\\$|/\\*|1){0,60}",
        mutation()
    ];
    proptest!(|(sql in text)| {
        let read = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(10), guard.read(&sql)).await
        });
        prop_assert!(read.is_ok(), "the parser takes more than 10 s");
    });
}

#[tokio::test]
async fn a_mutated_statement_that_passes_changes_nothing() {
    let mut stage = Stage::new().await;
    let server = stage.server().await;
    let alive = stage.canaries().await;
    let mut runner = TestRunner::new_with_rng(
        Runs::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let mutation = mutation();
    let mut passed = 0;
    for _ in 0..MUTATIONS {
        let sql = mutation.new_tree(&mut runner).unwrap().current();
        passed += usize::from(
            server.query(&sql, &[], (Window { skip: 0, limit: 10 }, false)).await.is_ok(),
        );
        assert_eq!(stage.canaries().await, alive, "{sql}");
    }
    // Some must pass, or nothing was tested but the refusals.
    assert!(passed > 10, "{passed} of {MUTATIONS}");
}
